"""The parameters of a processor, and the words that its parts exchange."""

from dataclasses import dataclass

from amaranth.hdl import signed
from amaranth.lib import data, enum

from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.shapes import index_bits
from firstspike_spec.processor.shape import ProcessorShape

from ..lib.layouts import word_layout
from ..memory.style import GENERIC_MEMORY, MemoryStyle

#: Calls that may still come to a lane after its ``room`` has gone, those on their way, if nothing nearer to it holds them.
CALL_SLACK = 12

#: Steps of FIRE that may still come to a lane after it has said that it is ``crowded``.
STEP_SLACK = 4

#: Cycles without a step of FIRE that there must be between a unit's last visit and the next unit's header. Between a header
#: and the first visit there need be none.
HEADER_GAP = 5


class StepKind(enum.IntEnum, shape=2):  # type: ignore[call-arg]
    """What the lanes do for FIRE in a cycle."""

    NOTHING = 0
    CLEAR = 1  #: Clear the potential at an address.
    VISIT = 2  #: Read and clear a neuron's potential.
    HEADER = 3  #: Read a word of a unit's header.


@dataclass(frozen=True)
class ProcessorParameters:
    """All that the parts of a processor have to know when it is built.

    Parameters
    ----------
    shape : ProcessorShape
    memory_style : MemoryStyle
    call_slack : int
        Calls that may still come to a lane after its ``room`` has gone. Only if the queue has at least six places more can a
        lane take a call in each cycle.

    Raises
    ------
    InputError, InputTypeError
        If the slack is negative, or the lanes' queues are too small for it.
    """

    shape: ProcessorShape
    memory_style: MemoryStyle = GENERIC_MEMORY
    call_slack: int = CALL_SLACK

    def __post_init__(self) -> None:
        whole_number(self.call_slack, "call_slack", 0, 64)
        if (depth := self.shape.queue_depth) < (least := self.call_slack + 2):
            raise InputError(f"queue_depth must be at least {least} for a call slack of {self.call_slack}, not {depth}")

    @property
    def entry_address_bits(self) -> int:
        """Width of an entry's address within its lane."""
        return index_bits(self.shape.entries)

    @property
    def pointer(self) -> data.StructLayout:
        """A lane's pointer to a row."""
        return word_layout(self.shape.pointer)

    @property
    def entry(self) -> data.StructLayout:
        """A connection."""
        return word_layout(self.shape.entry)

    @property
    def header(self) -> data.StructLayout:
        """What a lane knows of a unit."""
        return word_layout(self.shape.header)

    @property
    def row(self) -> data.StructLayout:
        """A row that waits: where its first entry lies, how many there are, whether it is a ``single`` one; base and value."""
        pointer = self.pointer
        length = pointer["length"].shape
        call = {name: self.call[name].shape for name in ("base", "value")}
        return data.StructLayout({"start": pointer["start"].shape, "length": length, "single": 1, **call})

    @property
    def call(self) -> data.StructLayout:
        """A spike as all lanes get it: the number of its row, the base of its entries' addresses, and what it counts."""
        shape = self.shape
        return data.StructLayout({"row": shape.row_bits, "base": shape.potential_address_bits, "value": shape.value_bits})

    @property
    def step(self) -> data.StructLayout:
        """A step of FIRE as all lanes get it.

        ``address`` is that of a potential; of an entry for a `StepKind.HEADER`, whose words come in order, low bits first. The
        rest is for a `StepKind.VISIT`: it ``opens_window`` and ``closes_window`` if it is the first and the last of a window,
        which is at ``window_row`` and ``column``. The window is dropped in units whose slot is not below ``slots``, 0 .. 4.
        """
        side = self.shape.side_bits
        return data.StructLayout(
            {
                "kind": StepKind,
                "address": max(self.shape.potential_address_bits, self.entry_address_bits),
                "opens_window": 1,
                "closes_window": 1,
                "slots": 3,
                "window_row": side,
                "column": side,
            }
        )

    @property
    def fired(self) -> data.StructLayout:
        """The ``total`` of a window that reaches the last threshold, or of any window of the output layer."""
        shape = self.shape
        return data.StructLayout(
            {
                "total": signed(shape.potential_bits),
                "channel": shape.channel_bits,
                "slot": 2,
                "window_row": shape.side_bits,
                "column": shape.side_bits,
            }
        )

    @property
    def spike(self) -> data.StructLayout:
        """A spike as memories keep it; or the end of an input's spikes."""
        return word_layout(self.shape.spike)
