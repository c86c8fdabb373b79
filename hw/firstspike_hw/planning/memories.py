"""The block RAMs of an engine: those that synthesis makes of each of its memories."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amaranth.lib import wiring

from firstspike_spec.common.files import temporary_folder
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import LayerShape

from ..boards.family import ECP5, Family
from ..boards.fpga import Fpga, Platform
from ..flow.bare import Bare
from ..flow.command_lines import NO_COLLISION_LOGIC
from ..flow.convert import to_rtlil
from ..flow.runner import read_json, run_tool
from ..flow.tools import find_tool
from ..lane.accumulator import flags_layout, sum_layout
from ..lane.fire_queue import MOST_PLACES_IN_LUTS, FireQueue, slot_bits
from ..lane.row_reader import RowReader, rows_layout
from ..layer.output_layer import slices_in_a_memory
from ..memory.dp16kd import MOST_LUT_RAM_WORDS
from ..memory.lane_memory import MOST_LATE_LUT_RAM_BITS, LaneMemory
from ..memory.loadable_memory import LoadableMemory
from ..memory.sum_memory import SumMemory, shares_words

#: Cells that are block RAMs, by the beginning of their names. An SPRAM is none of them.
_BLOCK_RAMS = {"ECP5": ("DP16KD", "PDPW16KD"), "iCE40": ("SB_RAM40",), "Gowin": ("SP", "DP", "SDP", "pROM")}

#: Where synthesis has the choice, as it has it on a Gowin, memories of so many bits go into LUTs; for estimates only.
_MOST_INFERRED_IN_LUTS = 1_500

#: Bytes that synthesis of the fewest memories takes.
_ROOM = 1_000_000


@dataclass(frozen=True)
class Loadable:
    """A `LoadableMemory`."""

    bits: int
    depth: int
    ports: int

    def component(self) -> wiring.Component:
        """Return it, with nothing in it at power-up."""
        return LoadableMemory(Memory.ENTRIES, bits=self.bits, depth=self.depth, ports=self.ports)


@dataclass(frozen=True)
class OfLane:
    """A `LaneMemory`."""

    bits: int
    depth: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Of its words."""
        return (self.bits,)

    def component(self) -> wiring.Component:
        """Return it, with nothing in it."""
        return LaneMemory(bits=self.bits, depth=self.depth)


@dataclass(frozen=True)
class OfSums:
    """A `SumMemory`."""

    sum_bits: int
    start_bits: int
    depth: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Of its words, as if it were several memories."""
        return (self.sum_bits, self.start_bits)

    def component(self) -> wiring.Component:
        """Return it, with nothing in it."""
        return SumMemory(sum_bits=self.sum_bits, start_bits=self.start_bits, depth=self.depth)


@dataclass(frozen=True)
class OfFireQueue:
    """The memories of a `FireQueue`."""

    shape: LayerShape

    def component(self) -> wiring.Component:
        """Return the fire queue."""
        return FireQueue(self.shape)


@dataclass(frozen=True)
class OfReader:
    """The queue of a `RowReader`."""

    shape: LayerShape
    width: int
    queue_depth: int

    def component(self) -> wiring.Component:
        """Return the reader."""
        return RowReader(self.shape, width=self.width, queue_depth=self.queue_depth, slack=0)


def memories(shape: EngineShape, platform: object = None) -> Counter:
    """Return an engine's memories that can be block RAM on a platform, and how many there are of each."""
    found: Counter = Counter()
    width = shape.spikes_per_token
    for layer in shape.layers:
        found[Loadable(layer.pointer.bits, layer.rows, width)] += layer.banks
        found[Loadable(layer.entry.bits, layer.bank_entries, layer.bank_lanes)] += layer.banks
        for kind in _of_lane(layer, shape.time_steps):
            found[kind] += layer.lanes
        found[OfFireQueue(layer)] += layer.lanes
        found[OfReader(layer, width, shape.queue_depth)] += layer.lanes
    together, slices = slices_in_a_memory(shape.output, width, platform), shape.output.slices
    for first in range(0, slices, together):
        count = min(together, slices - first)
        found[Loadable(shape.output.weights.bits, count * shape.output.rows, count * width)] += 1
    for address_table in filter(None, (part.address_table for part in (*shape.layers, shape.output))):
        found[Loadable(address_table.location.bits, address_table.places, width)] += 1
    return found


def block_rams(shapes: Iterable[EngineShape], fpga: Fpga, toolchain: str) -> list[int]:
    """Return how many block RAMs each engine takes in an FPGA.

    Synthesis is asked about each memory once: it makes of it here what it makes of it in the engine.

    Parameters
    ----------
    shapes : iterable of EngineShape
    fpga : Fpga
    toolchain : str
        As of `firstspike_hw.flow.tools.find_tool`.
    """
    wanted = [memories(shape, Platform(fpga)) for shape in shapes]
    kinds = list(dict.fromkeys(kind for counts in wanted for kind in counts))
    cells = dict(zip(kinds, synthesised(kinds, fpga, toolchain), strict=True))
    return [sum(cells[kind] * count for kind, count in counts.items()) for counts in wanted]


def synthesised(kinds: Sequence[Loadable | OfLane | OfSums | OfFireQueue | OfReader], fpga: Fpga, toolchain: str) -> list[int]:
    """Return how many block RAMs synthesis makes of a memory of each kind in an FPGA."""
    yosys = find_tool("yosys", toolchain)
    names = [f"memory_{number}" for number in range(len(kinds))]
    bare = Bare({name: kind.component() for name, kind in zip(names, kinds, strict=True)})
    with temporary_folder(_ROOM) as work:
        (work / "top.il").write_text(to_rtlil(bare, "top", Platform(fpga)), "utf-8")
        script = [
            "read_rtlil top.il",
            NO_COLLISION_LOGIC,
            f"{fpga.synthesis} -run begin:map_gates -top top",
            "select top",
            "write_json -selected top.json",
        ]
        (work / "top.ys").write_text("\n".join(script), "utf-8")
        run_tool(yosys, ["-q", "top.ys"], work=work, log=work / "log")
        cells = read_json(work / "top.json")["modules"]["top"]["cells"]
    kinds_of_cells = _BLOCK_RAMS[fpga.family.name]
    return [
        sum(cell["type"].startswith(kinds_of_cells) for path, cell in cells.items() if path.startswith(f"{name}."))
        for name in names
    ]


def lut_ram_luts(shape: EngineShape, family: Family) -> int:
    """Return about how many LUTs the lanes' memories take, where these can be memories.

    16 words take four for each four bits or less, and each bit one to choose between two such memories.
    """
    luts = 0
    for layer in shape.layers:
        places = 1 << slot_bits(layer.lane_neurons)
        lane = [(rows_layout(layer, shape.spikes_per_token).size, shape.queue_depth)]
        lane += [(layer.neuron_bits + 2, places)] if places <= MOST_LUT_RAM_WORDS else []
        lane += [(1, places)] if places <= MOST_PLACES_IN_LUTS else []
        lane += [
            (bits, kind.depth)
            for kind in _of_lane(layer, shape.time_steps)
            for bits in kind.widths
            if kind.depth <= MOST_LUT_RAM_WORDS or bits * kind.depth <= _most_bits_in_luts(kind, family)
        ]
        luts += layer.lanes * sum((4 * -(-bits // 4) + bits) * -(-words // 16) - bits for bits, words in lane)
    return luts


def _most_bits_in_luts(kind: OfLane | OfSums, family: Family) -> int:
    """Return of how many bits a memory of more words than `MOST_LUT_RAM_WORDS` may be."""
    if family is not ECP5:
        return _MOST_INFERRED_IN_LUTS
    in_shared_words = isinstance(kind, OfSums) and shares_words(kind.sum_bits, kind.start_bits, kind.depth)
    return 0 if in_shared_words else MOST_LATE_LUT_RAM_BITS


def _of_lane(layer: LayerShape, time_steps: int) -> list[OfLane | OfSums]:
    depth = layer.lane_neurons
    flags = OfLane(flags_layout(slot_bits(depth)).size, depth)
    return [OfSums(sum_layout(layer, time_steps).size, layer.potential_bits, depth), flags]
