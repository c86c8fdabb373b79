"""Components through the real Yosys, as a build would take them."""

import json
import subprocess

from amaranth.back import rtlil
from amaranth.hdl import Module, Signal, Value
from amaranth.lib.wiring import In

from firstspike_hw.flow.command_lines import build_options
from firstspike_hw.flow.tools import YOWASP, find_tool


def synthesize(folder, board, **components):
    """Return the netlist that Yosys makes of components, side by side, for a board's FPGA.

    The design's ports are the components' members, such as ``name__address__0``.
    """
    m, ports = Module(), []
    for name, component in components.items():
        m.submodules[name] = component
        for path, member, signal in component.signature.flatten(component):
            if path[-1] == "ready":
                continue
            port = Signal.like(Value.cast(signal), name="__".join(map(str, (name, *path))))
            m.d.comb += signal.eq(port) if member.flow is In else port.eq(signal)
            ports.append(port)
    (folder / "top.il").write_text(rtlil.convert(m, ports=ports))
    options = build_options(board, seed=1)
    command = f"synth_{board.family.name.lower()} {options['synth_opts']} -top top"
    script = f"read_rtlil top.il; {options['script_after_read']}; {command}; write_json top.json"
    subprocess.run([find_tool("yosys", YOWASP).path, "-q", "-p", script], cwd=folder, check=True)
    return json.loads((folder / "top.json").read_text())
