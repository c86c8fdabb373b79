"""The memories of an engine, and what synthesis makes of each."""

from collections import Counter
from collections.abc import Sequence

from firstspike_spec.common.files import temporary_folder
from firstspike_spec.compiler.engine_shape import EngineShape

from ..boards.fpga import Fpga
from ..chain.engine import Engine
from ..flow.bare import Bare
from ..flow.command_lines import NO_COLLISION_LOGIC
from ..flow.convert import to_rtlil
from ..flow.runner import read_json, run_tool
from ..flow.tools import find_tool
from ..lane.lane import Lane
from ..lane.parameters import LayerParameters
from ..memory.description import MemoryDescription, Place, Ram
from ..memory.style import MemoryStyle

#: Cells that are block RAMs, by the beginning of their names. An SPRAM is none of them.
_BLOCK_RAMS = {
    "ECP5": ("DP16KD", "PDPW16KD"),
    "iCE40": ("$__ICE40_RAM4K",),
    "Gowin": ("$__GOWIN_SP", "$__GOWIN_DP", "$__GOWIN_SDP"),
}

#: What synthesis does with memories. For the last two it stops before it gives the cells their parameters, which takes long.
_MAPPING = {
    "ECP5": ("begin:map_gates", ""),
    "iCE40": ("begin:map_ram", "memory_libmap -lib +/ice40/brams.txt -lib +/ice40/spram.txt -no-auto-huge"),
    "Gowin": ("begin:map_ram", "memory_libmap -lib +/gowin/lutrams.txt -lib +/gowin/brams.txt"),
}

#: Where synthesis chooses, as it does on a Gowin, a memory of at most this many bits goes into LUTs; for estimates only.
_MOST_INFERRED_IN_LUTS = 1_500

#: Bytes that synthesis of the fewest memories takes.
_ROOM = 1_000_000


def memories(shape: EngineShape, style: MemoryStyle) -> Counter[MemoryDescription]:
    """Return an engine's memories that can be block RAM, and how many there are of each."""
    found: Counter[MemoryDescription] = Counter()
    for description, count in Engine.memories(shape, style):
        found[description] += count
    return found


def synthesised(kinds: Sequence[MemoryDescription], fpga: Fpga, toolchain: str) -> list[int]:
    """Return how many block RAMs synthesis makes of each description's component in an FPGA."""
    yosys = find_tool("yosys", toolchain)
    steps, mapping = _MAPPING[fpga.family.name]
    names = [f"memory_{number}" for number in range(len(kinds))]
    bare = Bare({name: kind.create() for name, kind in zip(names, kinds, strict=True)})
    with temporary_folder(_ROOM) as work:
        (work / "top.il").write_text(to_rtlil(bare, "top"), "utf-8")
        script = [
            "read_rtlil top.il",
            NO_COLLISION_LOGIC,
            f"{fpga.synthesis} -run {steps} -top top",
            mapping,
            "select top",
            "write_json -selected top.json",
        ]
        (work / "top.ys").write_text("\n".join(script), "utf-8")
        run_tool(yosys, ["-q", "top.ys"], work=work, log=work / "log")
        cells = read_json(work / "top.json")["modules"]["top"]["cells"]
    kinds_of_cells = _BLOCK_RAMS[fpga.family.name]
    return [
        sum(cell["type"].startswith(kinds_of_cells) for path, cell in cells.items() if path.startswith(f"{name}."))
        for name in names
    ]


def lut_ram_luts(shape: EngineShape, style: MemoryStyle) -> int:
    """Return about how many LUTs the lanes' memories take; 0 where LUTs cannot be memories."""
    if not style.lut_ram:
        return 0
    return sum(
        layer.lanes * count * sum(_luts(ram) for ram in description.rams if _lies_in_luts(ram))
        for index, layer in enumerate(shape.layers)
        for description, count in Lane.memories(LayerParameters.of(shape, index, style))
    )


def _luts(ram: Ram) -> int:
    """Return the LUTs of a memory: 16 words take four for every four bits; each bit takes one to choose between two such."""
    return (4 * -(-ram.bits // 4) + ram.bits) * -(-ram.depth // 16) - ram.bits


def _lies_in_luts(ram: Ram) -> bool:
    return ram.place is Place.LUTS or (ram.place is Place.EITHER and ram.bits * ram.depth <= _MOST_INFERRED_IN_LUTS)
