"""The sequencer: it runs the program for one image after the other."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory
from firstspike_spec.layered.kernels import MAX_STEPS
from firstspike_spec.processor.instructions import FIRE, INTEGRATE, PROGRAM_BITS, Opcode
from firstspike_spec.processor.shape import MAX_SOURCES

from ...lib.layouts import word_layout
from ...memory.description import Memories
from ...memory.load_bus import LoadBus
from ...memory.loadable_memory import LoadableMemory
from ..parameters import ProcessorParameters
from .dispatcher import INTEGRATION
from .fire_sequencer import GEOMETRY

#: The FIRE under way, besides its `GEOMETRY`.
FIRING = data.StructLayout({"source": range(MAX_SOURCES), "opens": 1, "closes": 1, "output": 1, "time_steps": 6})

#: Cycles without work that make sure that nothing is on its way: a call or a step that has left is seen by then at the latest
#: (register before the lanes; in the lane; its group's; the one of all groups), and one more.
SETTLING = 5


class Sequencer(wiring.Component):
    """Fetches the instructions of the program, and starts those who execute them.

    An instruction is fetched while the one before it is executed; a FIRE when the FIRE before it is finished.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    image_waits : ``In(1)``
        An image has begun to come, and may be worked on.
    active : ``Out(1)``
        The program runs.
    integrate : ``Out(1)``, integration : ``Out(INTEGRATION)``, integrating : ``In(1)``
        To the dispatcher; ``integrating`` while it is busy.
    working : ``In(1)``
        A lane has calls or entries left.
    fire : ``Out(1)``, geometry : ``Out(GEOMETRY)``, stepping : ``In(1)``
        To the fire sequencer; ``stepping`` while it is busy.
    firing : ``In(1)``
        A step or a total is on its way, from the lanes on.
    firing_of : ``Out(FIRING)``
    opens, closes : ``Out(1)``
        The spikes of ``firing_of.source`` begin, or have all been written.
    waits : ``Out(1)``
        The program goes on only after the FIRE under way.
    write, write_step, threshold : ``Out(1), Out(range(MAX_STEPS)), Out(PROGRAM_BITS)``
        A threshold of the next FIRE.
    decide : ``Out(1)``, decided : ``In(1)``
        To the read-out, at an image's end.
    load : ``In(LoadBus(PROGRAM_BITS))``
        Of `Memory.ENTRIES`. Not while ``active``.

    Notes
    -----
    A program reads its input at least once, ends with END, and closes what it opens. Latency: `fetch_latency` cycles before an
    instruction's first word is there, then one a word.
    """

    #: Cycles from the end of one instruction's execution until the first word of the next one is there.
    fetch_latency = 1 + LoadableMemory.latency

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = LoadableMemory.peek_latency

    def __init__(self, parameters: ProcessorParameters):
        self._parameters = parameters
        super().__init__(
            {
                "image_waits": In(1),
                "active": Out(1),
                "integrate": Out(1),
                "integration": Out(INTEGRATION),
                "integrating": In(1),
                "working": In(1),
                "fire": Out(1),
                "geometry": Out(GEOMETRY),
                "stepping": In(1),
                "firing": In(1),
                "firing_of": Out(FIRING),
                "opens": Out(1),
                "closes": Out(1),
                "waits": Out(1),
                "write": Out(1),
                "write_step": Out(range(MAX_STEPS)),
                "threshold": Out(PROGRAM_BITS),
                "decide": Out(1),
                "decided": In(1),
                "load": In(LoadBus(PROGRAM_BITS)),
            }
        )

    @staticmethod
    def memories(parameters: ProcessorParameters) -> Memories:
        """Yield the memory of the program."""
        depth, style = parameters.shape.program, parameters.memory_style.shared
        yield LoadableMemory.description(bits=PROGRAM_BITS, depth=depth, ports=1, style=style), 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.program = program = LoadableMemory(
            Memory.ENTRIES,
            bits=PROGRAM_BITS,
            depth=self._parameters.shape.program,
            style=self._parameters.memory_style.shared,
        )
        wiring.connect(m, wiring.flipped(self.load), program.load)

        lanes_rest = _settled(m, self.integrate | self.integrating) & ~self.working
        under_way = self._watch_fire(m)

        # While words are fetched, they come one a cycle; `next_word` is the one that comes next.
        address, next_word = Signal.like(program.address[0]), Signal.like(program.address[0])
        index = Signal(range(len(FIRE) + (1 << FIRE[0].width("time_steps"))))
        fetches, arrives = Signal(), Signal()
        on_way = [fetches, *(Signal(name=f"on_way_{number}") for number in range(LoadableMemory.latency))]
        m.d.comb += [program.address[0].eq(address), arrives.eq(fetches & on_way[-1])]
        m.d.sync += [after.eq(before & fetches) for before, after in pairwise(on_way)]
        m.d.sync += address.eq(address + 1)

        word, integration = program.data[0], self.integration
        to_integrate = [data.View(word_layout(layout), word) for layout in INTEGRATE]
        to_fire = [data.View(word_layout(layout), word) for layout in FIRE]
        idle = Signal()
        m.d.comb += [self.active.eq(~idle), self.threshold.eq(word), self.write_step.eq(index - len(FIRE))]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += idle.eq(1)
                m.d.sync += next_word.eq(0)
                with m.If(self.image_waits):
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += [address.eq(next_word), index.eq(0)]
                m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += fetches.eq(1)
                with m.If(arrives):
                    m.d.sync += [next_word.eq(next_word + 1), index.eq(1)]
                    with m.Switch(to_fire[0].opcode):
                        with m.Case(Opcode.END):
                            m.next = "END"
                        with m.Case(Opcode.WAIT):
                            m.next = "WAIT"
                        with m.Case(Opcode.INTEGRATE):
                            m.d.sync += _take(integration, to_integrate[0])
                            m.next = "FETCH INTEGRATE"
                        with m.Case(Opcode.FIRE):
                            # The FIRE under way still needs what would be replaced.
                            with m.If(under_way):
                                m.d.sync += next_word.eq(next_word)
                                m.next = "WAIT"
                            with m.Else():
                                m.d.sync += [*_take(self.firing_of, to_fire[0]), *_take(self.geometry, to_fire[0])]
                                m.next = "FETCH FIRE"
            with m.State("FETCH INTEGRATE"):
                m.d.comb += fetches.eq(1)
                with m.If(arrives):
                    m.d.sync += [next_word.eq(next_word + 1), index.eq(index + 1)]
                    for number, fields in enumerate(to_integrate[1:], 1):
                        with m.If(index == number):
                            m.d.sync += _take(integration, fields)
                    with m.If(index == len(INTEGRATE) - 1):
                        m.next = "INTEGRATE"
            with m.State("INTEGRATE"), m.If(~self.integrating):
                m.d.comb += self.integrate.eq(1)
                m.next = "NEXT"
            with m.State("FETCH FIRE"):
                m.d.comb += [fetches.eq(1), self.write.eq(arrives & (index >= len(FIRE)))]
                with m.If(arrives):
                    m.d.sync += [next_word.eq(next_word + 1), index.eq(index + 1)]
                    for number, fields in enumerate(to_fire[1:], 1):
                        with m.If(index == number):
                            m.d.sync += _take(self.geometry, fields)
                    with m.If(index == self.firing_of.time_steps + len(FIRE) - 1):
                        m.next = "FIRE"
            with m.State("FIRE"), m.If(lanes_rest):
                m.d.comb += self.fire.eq(1)
                m.next = "NEXT"
            with m.State("WAIT"):
                m.d.comb += self.waits.eq(1)
                with m.If(~under_way):
                    m.next = "NEXT"
            with m.State("END"):
                m.d.comb += self.waits.eq(1)
                with m.If(~under_way & ~self.integrating):
                    m.next = "DECIDE"
            with m.State("DECIDE"):
                m.d.comb += self.decide.eq(1)
                with m.If(self.decided):
                    m.next = "IDLE"
        return m

    def _watch_fire(self, m: Module) -> Signal:
        """Open and close the record of the FIRE under way; return whether there is one."""
        under_way, is_over, makes_spikes = Signal(), Signal(), Signal()
        m.d.comb += [
            is_over.eq(under_way & _settled(m, self.fire | self.stepping | self.firing)),
            makes_spikes.eq(~self.firing_of.output),
            self.opens.eq(self.fire & self.firing_of.opens & makes_spikes),
            self.closes.eq(is_over & self.firing_of.closes & makes_spikes),
        ]
        with m.If(self.fire):
            m.d.sync += under_way.eq(1)
        with m.Elif(is_over):
            m.d.sync += under_way.eq(0)
        return under_way


def _settled(m: Module, active: Value) -> Value:
    """Return whether there has been nothing active for `SETTLING` cycles."""
    recent = Signal(SETTLING - 1)
    m.d.sync += recent.eq(Cat(active, recent))
    return ~(active | recent.any())


def _take(into: data.View, fields: data.View) -> list[Value]:
    """Return the statements that take those fields of a word that a structure has too."""
    both = [name for name in into.shape().members if name in fields.shape().members]
    return [into[name].eq(fields[name]) for name in both]
