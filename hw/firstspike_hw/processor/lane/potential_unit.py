"""The potential unit: a lane's potentials."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...lib.delays import delayed
from ...memory.description import MemoryDescription
from ...memory.lane_memory import LaneMemory
from ..parameters import ProcessorParameters


class PotentialUnit(wiring.Component):
    """Adds weights times values to potentials, and reads and clears them: one of the two in a cycle.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    valid : ``In(1)``, entry : ``In(parameters.entry)``, base, value : ``In``
        Add ``weight * value`` to the potential at ``base + offset``.
    clear : ``In(1)``, address : ``In(shape.potential_address_bits)``
        Clear the potential at ``address``; not in the same cycle as ``valid``. The next addition may be to the same place.
    potential : ``Out(signed(shape.potential_bits))``
        What it was, `latency` cycles after ``clear``, if the operation in the cycle before ``clear`` was on another place.
    operation : ``Out(1)``
        A weight is added in this cycle.
    busy : ``Out(1)``
        Additions are under way here, from the cycle after ``valid`` to that in which the sum is written.

    Notes
    -----
    Throughput: one operation a cycle. What the two operations before it write is forwarded to an addition.
    """

    #: Cycles from an operation to the cycle in which its result is written.
    latency = 4

    def __init__(self, parameters: ProcessorParameters):
        self._parameters, shape = parameters, parameters.shape
        super().__init__(
            {
                "valid": In(1),
                "entry": In(parameters.entry),
                "base": In(parameters.row["base"].shape),
                "value": In(parameters.row["value"].shape),
                "clear": In(1),
                "address": In(shape.potential_address_bits),
                "potential": Out(signed(shape.potential_bits)),
                "operation": Out(1),
                "busy": Out(1),
            }
        )

    @staticmethod
    def description(parameters: ProcessorParameters) -> MemoryDescription:
        """Return what the memory of potentials is made of."""
        shape = parameters.shape
        return LaneMemory.description(bits=shape.potential_bits, depth=shape.potentials, style=parameters.memory_style)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, style = self._parameters.shape, self._parameters.memory_style
        bits, weight_bits, value_bits = shape.potential_bits, shape.weight_bits, shape.value_bits
        m.submodules.potentials = potentials = LaneMemory(bits=bits, depth=shape.potentials, style=style)

        # An operation goes through these stages: its address and its factors are there (1), the product is there (2), the
        # potential is there (3), the product is added (4).
        stages = range(1, self.latency + 1)
        adds = [self.valid, *(Signal(name=f"adds_{stage}") for stage in stages)]
        clears = [self.clear, *(Signal(name=f"clears_{stage}") for stage in stages)]
        addresses = {stage: Signal(shape.potential_address_bits, name=f"address_{stage}") for stage in stages}
        for stage in stages:
            m.d.sync += [adds[stage].eq(adds[stage - 1]), clears[stage].eq(clears[stage - 1])]
        for stage in stages[1:]:
            m.d.sync += addresses[stage].eq(addresses[stage - 1])

        # Stage 1. What the two operations before it write is not in the memory yet.
        weight, value = Signal(signed(weight_bits)), Signal(value_bits)
        product_2, product_3, product = (Signal(signed(weight_bits + value_bits), name=f"product_{at}") for at in (2, 3, 4))
        m.d.sync += [
            addresses[1].eq(Mux(self.clear, self.address, self.base + self.entry.offset)),
            weight.eq(self.entry.weight),
            value.eq(self.value),
            product_2.eq(Mux(adds[1], weight * value, 0)),
            product_3.eq(product_2),
            product.eq(product_3),
        ]
        m.d.comb += potentials.address.eq(addresses[1])
        writes = {stage: adds[stage] | clears[stage] for stage in stages}
        same_as_first, same_as_second = Signal(), Signal()
        m.d.sync += [
            same_as_first.eq((addresses[1] == addresses[2]) & writes[2]),
            same_as_second.eq((addresses[1] == addresses[3]) & writes[3]),
        ]

        # Stage 3. Late words have been through a register already. The result of the second operation before is in `result`.
        read, found, result = (Signal(signed(bits), name=name) for name in ("read", "found", "result"))
        late = style.has_late_words(shape.potentials)
        m.d["comb" if late else "sync"] += read.eq(potentials.word)
        m.d.sync += found.eq(Mux(delayed(m, same_as_second, 1), result, read))

        # Stage 4. That of the operation before is in `result`.
        old, new = Signal(signed(bits)), Signal(signed(bits))
        m.d.comb += [
            old.eq(Mux(clears[4], 0, Mux(delayed(m, same_as_first, 2), result, found))),
            new.eq(old + product),
            potentials.write.eq(writes[4]),
            potentials.write_address.eq(addresses[4]),
            potentials.write_word.eq(new),
            self.potential.eq(found),
            self.operation.eq(adds[4]),
            self.busy.eq(adds[1] | adds[2] | adds[3] | adds[4]),
        ]
        m.d.sync += result.eq(new)
        return m
