"""Builds a bitstream: a board and what it shall have in, the bitstream and a report out."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable_folder, needing_room
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.network.network import Network
from firstspike_spec.protocol.shapes import Shape, facts_of, lanes_of

from ..boards.board import Board
from ..boards.family import ECP5, FAMILIES
from ..boards.top import BoardTop
from .command_lines import (
    DESIGN,
    NETLIST,
    OWN_LOGS,
    PACKING,
    PLACE_AND_ROUTE,
    SYNTHESIS,
    build_options,
    commands,
    unregistered_block_rams,
)
from .figures import achieved_mhz, crowded, utilisation
from .key import build_key, versions
from .report import REPORT, read_report, write_report
from .runner import Steps, read_json, run_tool
from .tools import YOWASP, Tool, find_tool

BITSTREAM = "bitstream"

#: Free bytes that even the smallest build needs.
_MIN_FREE_BYTES = 5_000_000


def build_bitstream(
    board: Board,
    shape: Shape,
    out: Path,
    *,
    network: Network | None = None,
    name: str,
    seed: int = 1,
    toolchain: str = YOWASP,
    note: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Build a bitstream into a folder, unless a finished one is there.

    The folder then holds the bitstream, `REPORT` and the programs' logs. A new build first removes what an earlier one left.
    A bitstream is finished if it is complete and meets its clock.

    Parameters
    ----------
    board : Board
    shape : EngineShape or ProcessorShape
    out : Path
    network : Network, optional
        That of an engine. It is in the bitstream, if the board's bitstreams can have one.
    name : str
        What the report calls the network, or the processor.
    seed : int
        Of place-and-route.
    toolchain : str
        ``"yowasp"`` or ``"native"``.
    note : callable
        Called with a line of text about each step.

    Returns
    -------
    dict
        The report, and ``"cached"``: whether the bitstream was already there.

    Raises
    ------
    InputError
        If a program is missing or fails, or the design does not fit or misses its clock; the message says what to do.
    """
    tools = [find_tool(name, toolchain, note=note) for name in ("yosys", board.family.router, board.family.packer)]
    report = {
        "board": board.name,
        **({"network_digest": network.digest, "network_in_bitstream": board.initial_contents} if network else {}),
        **facts_of(shape),
        "lanes": lanes_of(shape),
        "seed": seed,
        "baud": board.baud,
        "toolchain": toolchain,
    }
    report["key"] = build_key(report, tools)
    bitstream = out / f"{BITSTREAM}{board.family.suffix}"
    known = read_report(out)
    if (
        known.get("key") == report["key"]
        and bitstream.is_file()
        and _digest(bitstream) == (known["bitstream"] or {}).get("sha256")
    ):
        note(f"{bitstream} is up to date")
        return {**known, "cached": True}

    check_writable_folder(out, room=_MIN_FREE_BYTES)
    logs = (f"{step}.log" for step in (SYNTHESIS, PLACE_AND_ROUTE, PACKING))
    for old in (REPORT, *logs, *(f"{BITSTREAM}{family.suffix}" for family in FAMILIES)):
        (out / old).unlink(missing_ok=True)
    steps = Steps(note)
    report |= {"network": name, "bitstream": None, "seconds": steps.seconds, "versions": versions(tools)}
    with needing_room(out), tempfile.TemporaryDirectory(prefix=".build-", dir=out) as folder:
        work = Path(folder)
        with steps.step("elaboration"):
            contents = None
            if network is not None and isinstance(shape, EngineShape) and board.initial_contents:
                contents = compile_network(network, shape)
            design = board.platform().prepare(
                BoardTop(board, shape, contents), DESIGN, emit_src=False, **build_options(board, seed)
            )
            design.extract(work)
        lines = commands(design)
        synthesizer, router, packer = tools
        _run(SYNTHESIS, synthesizer, lines, steps, work, out)
        _check_output_registers(work, board, synthesizer)
        _place_and_route(router, lines, steps, work, out, board)
        report["clock_mhz"] = {"wanted": board.clock_hz / 1e6, "achieved": achieved_mhz(work)}
        report["utilisation"] = utilisation(work, board.family)
        _check_clock(report, out)
        _run(PACKING, packer, lines, steps, work, out)
        packed = work / f"{DESIGN}{board.family.suffix}"
        if not packed.is_file() or packed.stat().st_size == 0:
            raise InputError(f"{packer.name} left no bitstream; see {out / f'{PACKING}.log'}")
        report["bitstream"] = {"file": bitstream.name, "bytes": packed.stat().st_size, "sha256": _digest(packed)}
        write_report(report, out)
        packed.replace(bitstream)
    return {**read_report(out), "cached": False}


def _run(step: str, tool: Tool, lines: dict[str, list[str]], steps: Steps, work: Path, out: Path) -> None:
    with steps.step(step):
        run_tool(tool, lines[step][1:], work=work, log=out / f"{step}.log", own_log=OWN_LOGS.get(step))


def _check_output_registers(work: Path, board: Board, synthesizer: Tool) -> None:
    """Raise an error if the netlist has a memory whose words come a cycle earlier than the engine expects."""
    if board.family is not ECP5:
        return
    wrong = unregistered_block_rams(read_json(work / NETLIST))
    if wrong:
        raise InputError(
            f"synthesis made {len(wrong)} block RAMs without their output registers ({wrong[0]} is one): the engine's results "
            f"would be wrong, so there is no bitstream; {synthesizer.version} may be the cause: use another --toolchain, and "
            "report this"
        )


def _place_and_route(tool: Tool, lines: dict[str, list[str]], steps: Steps, work: Path, out: Path, board: Board) -> None:
    try:
        _run(PLACE_AND_ROUTE, tool, lines, steps, work, out)
    except InputError as error:
        log = out / f"{PLACE_AND_ROUTE}.log"
        full = crowded(log.read_text("utf-8", "replace"), board.family)
        if not full:
            raise
        raise InputError(
            f"the design does not fit {board.name}: it needs {', '.join(full)}; "
            f"prune the network more, change --lanes, or take a larger board (see {log})"
        ) from error


def _check_clock(report: dict[str, Any], out: Path) -> None:
    clock = report["clock_mhz"]
    if clock["achieved"] < clock["wanted"]:
        write_report(report, out)
        raise InputError(
            f"place-and-route reached a clock of {clock['achieved']:g} MHz; {report['board']} needs {clock['wanted']:g} MHz: "
            f"try another --seed (this was {report['seed']}) or fewer --lanes (see {out / REPORT})"
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
