"""A wrapper for place-and-route of bare components: a register at each of their ports, and three pins."""

from collections.abc import Iterator, Mapping

from amaranth.hdl import Cat, Module, Signal, ValueCastable
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

#: Inputs of each register of the output tree: those of one LUT.
_TREE_INPUTS = 4


class Bare(wiring.Component):
    """Components for place-and-route, with a register at each port: every path into or out of a component ends there.

    The registers of the inputs form one shift register, fed by the pin ``i``. The registers of the outputs feed a registered
    tree, which ends at the pin ``o``. So nothing is optimised away, and three pins are enough for any number of components.
    The shift register shifts only while the pin ``shift`` is high. If it always shifted, its next bit could equal a bit in a
    component's own register, and synthesis would merge the two into one flip-flop, far from where either is needed. Reported
    sizes include these registers.

    Parameters
    ----------
    components : mapping of str to wiring.Component
        By their names in the netlist.

    Members
    -------
    i, shift : ``In(1)``
    o : ``Out(1)``
    """

    def __init__(self, components: Mapping[str, wiring.Component]):
        self._components = components
        super().__init__({"i": In(1), "shift": In(1), "o": Out(1)})

    def elaborate(self, platform: object) -> Module:
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
            for at in range(0, len(outputs), _TREE_INPUTS):
                node = Signal()
                m.d.sync += node.eq(Cat(*outputs[at : at + _TREE_INPUTS]).xor())
                level.append(node)
            outputs = level
        m.d.comb += self.o.eq(outputs[0])
        return m


def _ports(component: wiring.Component) -> Iterator[tuple[str, object, Signal]]:
    """Yield name, flow and signal of each port, except the probes, which only simulations use."""
    for path, member, value in component.signature.flatten(component):
        port = value.as_value() if isinstance(value, ValueCastable) else value
        if isinstance(port, Signal) and not str(path[0]).startswith("probe_"):
            yield "_".join(map(str, path)), member.flow, port
