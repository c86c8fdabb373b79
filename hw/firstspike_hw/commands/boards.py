"""The sub-command ``firstspike boards``. Amaranth is imported only when it runs."""

import json as json_format

from firstspike_spec.common.errors import needing
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.options import JsonOption
from firstspike_spec.terminal.records import print_records


def boards(json: JsonOption = False) -> None:
    """List the boards that a bitstream can be built for. firstspike plan --fpga takes the names of the FPGAs."""
    with needing("boards", "amaranth-boards", "amaranth", "amaranth_boards", what="the list of boards"):
        from ..boards.registry import BOARDS

    rows = [
        {
            "name": board.name,
            "title": board.title,
            "fpga": board.fpga.name,
            "part": board.fpga.part,
            "logic": board.fpga.logic,
            "block_rams": board.fpga.block_rams,
            "clock_mhz": board.clock_hz / 1e6,
            "baud": board.baud,
            "lanes": board.lanes,
            "price_usd": board.price_usd,
        }
        for board in BOARDS.values()
    ]
    if json:
        print(json_format.dumps({"boards": rows}))
        return
    records = [
        {
            "board": board.name,
            "FPGA": board.fpga.name,
            "logic": f"{board.fpga.logic:,}",
            "block RAMs": f"{board.fpga.block_rams}",
            "MHz": f"{board.clock_hz / 1e6:g}",
            "baud": f"{board.baud:,}",
            "lanes": f"{board.lanes}",
            "USD": f"{board.price_usd}",
        }
        for board in BOARDS.values()
    ]
    print_records(SafeConsole(), records)
