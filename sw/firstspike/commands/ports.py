"""The sub-command ``firstspike ports``."""

import json as json_format

from serial.tools import list_ports

from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.options import JsonOption
from firstspike_spec.terminal.tables import FoldedTable


def ports(json: JsonOption = False) -> None:
    """List the serial ports of this machine. A board's port appears when the board is plugged in."""
    found = [
        {"device": f"serial:{port.device}", "description": port.description, "hardware": port.hwid}
        for port in sorted(list_ports.comports())
    ]
    if json:
        print(json_format.dumps({"ports": found}))
    elif found:
        table = FoldedTable()
        for title in ("device", "description", "hardware"):
            table.add_column(title)
        for port in found:
            table.add_row(*port.values())
        SafeConsole().print(table)
    else:
        print("no serial port found; plug a board in")
