"""The sub-command ``firstspike boards``. Amaranth is imported only when it runs."""

import json as json_format
from typing import Annotated

import typer
from rich.table import Table

from firstspike_spec.common.errors import needing
from firstspike_spec.terminal.console import SafeConsole


def boards(json: Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")] = False) -> None:
    """List the boards that a bitstream can be built for."""
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
    table = Table()
    for heading in ("board", "FPGA", "logic", "block RAMs", "MHz", "baud", "USD"):
        table.add_column(heading, justify="left" if heading in ("board", "FPGA") else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"],
            row["fpga"],
            f"{row['logic']:,}",
            f"{row['block_rams']}",
            f"{row['clock_mhz']:g}",
            f"{row['baud']:,}",
            f"{row['price_usd']}",
        )
    SafeConsole().print(table)
