"""Bare engines with registers at all their ports, and two pins."""

from collections.abc import Iterator

from amaranth.hdl import Cat, Module, Signal, ValueCastable
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler import EngineImage

from ..engine import Engine

#: Bits that one register of the tree of outputs takes in: those of one LUT.
_TREE = 4


class BareEngines(wiring.Component):
    """Engines for place-and-route: each port has its own register, so that no path leaves or enters an engine otherwise.

    The inputs' registers form one shift register from the pin ``i``; the outputs' are combined in a registered tree that ends
    at the pin ``o``. So nothing is optimised away, and engines of any number need two pins. The registers are counted with
    the engines.

    Parameters
    ----------
    image : EngineImage
        What each engine holds.
    engines : int
        Number of engines.

    Members
    -------
    i : ``In(1)``
    o : ``Out(1)``
    """

    def __init__(self, image: EngineImage, engines: int):
        self._image, self._engines = image, engines
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        shifted, outputs = self.i, []
        for number in range(self._engines):
            m.submodules[f"engine_{number}"] = engine = Engine(self._image.shape, self._image)
            for name, flow, port in _ports(engine):
                register = Signal(len(port), name=f"{name}_{number}")
                if flow == In:
                    m.d.sync += register.eq(Cat(shifted, register))
                    m.d.comb += port.eq(register)
                    shifted = register[-1]
                else:
                    m.d.sync += register.eq(port)
                    outputs += list(register)
        outputs.append(shifted)
        while len(outputs) > 1:
            level = []
            for at in range(0, len(outputs), _TREE):
                node = Signal()
                m.d.sync += node.eq(Cat(*outputs[at : at + _TREE]).xor())
                level.append(node)
            outputs = level
        m.d.comb += self.o.eq(outputs[0])
        return m


def _ports(engine: Engine) -> Iterator[tuple[str, object, Signal]]:
    """Yield name, flow and signal of each port but the taps, which only simulations look at."""
    for path, member, value in engine.signature.flatten(engine):
        port = value.as_value() if isinstance(value, ValueCastable) else value
        if isinstance(port, Signal) and not str(path[0]).startswith("tap_"):
            yield "_".join(map(str, path)), member.flow, port
