"""Bare components with registers at all their ports, and three pins."""

from collections.abc import Iterator, Mapping

from amaranth.hdl import Cat, Module, Signal, ValueCastable
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

#: Bits that one register of the tree of outputs takes in: those of one LUT.
_TREE = 4


class Bare(wiring.Component):
    """Components for place-and-route: each port has its own register, so that no path leaves or enters a component otherwise.

    The inputs' registers form one shift register from the pin ``i``, the outputs' are combined in a registered tree that ends
    at the pin ``o``: nothing is optimised away, and any number of components needs three pins. It shifts only while the pin
    ``shift`` says so; else a bit in a component's own register would be what the next bit of the shift register is, and
    synthesis would make one flip-flop of the two, far from where they are needed. The registers are counted with the
    components.

    Parameters
    ----------
    components : mapping of str to wiring.Component
        By the name that each gets in the netlist.

    Members
    -------
    i, shift : ``In(1)``
    o : ``Out(1)``
    """

    def __init__(self, components: Mapping[str, wiring.Component]):
        self._components = components
        super().__init__({"i": In(1), "shift": In(1), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        shifted, outputs = self.i, []
        for name, component in self._components.items():
            m.submodules[name] = component
            for member, flow, port in _ports(component):
                register = Signal(len(port), name=f"{name}_{member}")
                if flow == In:
                    with m.If(self.shift):
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


def _ports(component: wiring.Component) -> Iterator[tuple[str, object, Signal]]:
    """Yield name, flow and signal of each port but the probes, which only simulations look at."""
    for path, member, value in component.signature.flatten(component):
        port = value.as_value() if isinstance(value, ValueCastable) else value
        if isinstance(port, Signal) and not str(path[0]).startswith("probe_"):
            yield "_".join(map(str, path)), member.flow, port
