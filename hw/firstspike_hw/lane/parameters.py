"""The parameters of a hidden layer, and what follows from them for its parts."""

from dataclasses import KW_ONLY, dataclass

from amaranth.hdl import signed
from amaranth.lib import data

from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.engine_shape import MAX_SPIKES_PER_TOKEN, QUEUE_DEPTHS, EngineShape
from firstspike_spec.compiler.shapes import LayerShape, index_bits

from ..lib.layouts import lane_layout, token_layout, word_layout
from ..memory.loadable_memory import LoadableMemory
from ..memory.style import GENERIC_MEMORY, MemoryStyle

#: Tokens that may still come to a lane after its ``room`` has gone: those on their way to its queue.
TOKEN_SLACK = 7


def place_bits(lane_neurons: int) -> int:
    """Return the width of a place in a fire queue.

    There are places for all neurons and their step's end. Operations after that end begin only while the fire queue is not
    ``crowded``.
    """
    return max(4, lane_neurons.bit_length())


def inference_tag_bits(lane_neurons: int) -> int:
    """Return the width of the number that distinguishes a neuron's state of this inference from older ones.

    Each end of a step renews the state of one neuron, and an inference has two steps at least: no state grows older
    than ``lane_neurons / 2 + 1`` inferences.
    """
    return index_bits(lane_neurons // 2 + 3)


def entry_latency(shape: LayerShape) -> int:
    """Return the cycles from an entry's address to the entry, as it comes from the bank."""
    return LoadableMemory.staged_latency if shape.address_table else LoadableMemory.latency


def entry_stages(shape: LayerShape) -> int:
    """Return by how many cycles entries, and operations with them, come later to the accumulator than without maps.

    One is in the bank's memory of entries, one is the `EntryStage`.
    """
    return entry_latency(shape) - LoadableMemory.latency + 1 if shape.address_table else 0


@dataclass(frozen=True)
class LayerParameters:
    """The sizes of a hidden layer, and how it is built: every part of it takes this object.

    Parameters
    ----------
    shape : LayerShape
    spikes_per_token : int
        Spikes that a token has room for, 1 or 2.
    time_steps : int
        ``T`` at most, 2 .. 256.
    queue_depth : int
        Tokens that wait before each lane: 8, 16, 32 or 64.
    token_slack : int
        Tokens that may still come to a lane after its ``room`` has gone.
    memory_style : MemoryStyle

    Raises
    ------
    InputError, InputTypeError
        If a number is out of range.
    """

    shape: LayerShape
    _: KW_ONLY
    spikes_per_token: int
    time_steps: int
    queue_depth: int
    token_slack: int = TOKEN_SLACK
    memory_style: MemoryStyle = GENERIC_MEMORY

    def __post_init__(self) -> None:
        whole_number(self.spikes_per_token, "spikes_per_token", 1, MAX_SPIKES_PER_TOKEN)
        whole_number(self.time_steps, "time_steps", 2, 256)
        if self.queue_depth not in QUEUE_DEPTHS:
            raise InputError(f"queue_depth must be one of {', '.join(map(str, QUEUE_DEPTHS))}, not {self.queue_depth}")
        whole_number(self.token_slack, "token_slack", 0, self.queue_depth)

    @classmethod
    def of(cls, engine: EngineShape, layer: int, memory_style: MemoryStyle = GENERIC_MEMORY) -> "LayerParameters":
        """Return the parameters of a hidden layer of an engine."""
        return cls(
            engine.layers[layer],
            spikes_per_token=engine.spikes_per_token,
            time_steps=engine.time_steps,
            queue_depth=engine.queue_depth,
            memory_style=memory_style,
        )

    @property
    def source_token(self) -> data.StructLayout:
        """A token of the layer before."""
        return token_layout(self.shape.source_bits, self.spikes_per_token)

    @property
    def row_token(self) -> data.StructLayout:
        """A token as lane groups take it: with the addresses of rows, and their bases."""
        return token_layout(self.shape.row_bits, self.spikes_per_token, self.shape.base_bits)

    @property
    def bank_token(self) -> data.StructLayout:
        """A row token without its addresses."""
        return token_layout(0, self.spikes_per_token, self.shape.base_bits)

    @property
    def output_token(self) -> data.StructLayout:
        """A token of the layer itself."""
        return token_layout(self.shape.address_bits, self.spikes_per_token)

    @property
    def row(self) -> data.StructLayout:
        """A row of a lane, if it ``exists``: the address of its first entry, and how many ``more`` entries it has.

        With the base of its source, where there are bases.
        """
        pointer = {field.name: field.bits for field in self.shape.pointer.fields}
        base = {"base": self.shape.base_bits} if self.shape.base_bits else {}
        return data.StructLayout({"start": pointer["start"], "more": index_bits(self.shape.row_entries), "exists": 1, **base})

    @property
    def lane_token(self) -> data.StructLayout:
        """What a token means for one lane, if it ``means_something``: a row for each of its spikes, then perhaps an end."""
        rows = data.ArrayLayout(self.row, self.spikes_per_token)
        return data.StructLayout({"means_something": 1, "rows": rows, "end": 1, "last": 1})

    @property
    def entry_address_bits(self) -> int:
        """Width of an entry's address within its bank."""
        return index_bits(self.shape.bank_entries)

    @property
    def entry(self) -> data.StructLayout:
        """An entry of a row."""
        return word_layout(self.shape.entry)

    @property
    def lane_spike(self) -> data.StructLayout:
        """What a lane gives."""
        return lane_layout(self.shape.neuron_bits)

    @property
    def time(self) -> data.StructLayout:
        """When an operation was: in which step of which inference."""
        inference = inference_tag_bits(self.shape.lane_neurons)
        return data.StructLayout({"step": index_bits(self.time_steps), "inference": inference})

    @property
    def sum(self) -> data.StructLayout:
        """A neuron's sum: its potential minus the threshold, and the time of its last operation."""
        return data.StructLayout({"potential": signed(self.shape.potential_bits), "time": self.time})

    @property
    def flags(self) -> data.StructLayout:
        """A neuron's flags: whether it has spiked before, and its place in the fire queue if it is ``placed``."""
        return data.StructLayout({"spiked": 1, "placed": 1, "place": self.place_bits})

    @property
    def marks(self) -> data.StructLayout:
        """What an accumulator says to its fire queue in a cycle.

        ``push``: ``neuron``, or an ``end`` (the inference's ``last`` one or not), is put into the queue. ``mark``: the neuron
        at ``place``, which may be pushed in this cycle, ``fires`` if the step ends now, or does not. ``ending``: an end is on
        its way, or begins now.
        """
        return data.StructLayout(
            {
                "push": 1,
                "mark": 1,
                "place": self.place_bits,
                "fires": 1,
                "neuron": self.shape.neuron_bits,
                "end": 1,
                "last": 1,
                "ending": 1,
            }
        )

    @property
    def place_bits(self) -> int:
        """Width of a place in a fire queue."""
        return place_bits(self.shape.lane_neurons)

    @property
    def entry_stages(self) -> int:
        """Cycles by which entries, and operations with them, come later to the accumulator than without maps."""
        return entry_stages(self.shape)

    @property
    def has_late_words(self) -> bool:
        """The lanes' memories give their words a cycle later."""
        return self.memory_style.has_late_words(self.shape.lane_neurons)
