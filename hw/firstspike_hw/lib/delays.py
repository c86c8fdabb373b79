"""Registers in a row."""

from amaranth.hdl import Module, Signal, Value


def delayed(m: Module, value: Value, cycles: int) -> Value:
    """Return a value as it was ``cycles`` ago."""
    for _ in range(cycles):
        later = Signal.like(value)
        m.d.sync += later.eq(value)
        value = later
    return value
