"""The block RAMs that engines take: by rule where the rule is exact, else as synthesis says."""

from collections.abc import Iterable

from firstspike_spec.compiler.engine_shape import EngineShape

from ..boards.fpga import Fpga
from ..memory.description import Place, Ram
from .memories import memories, synthesised


def block_rams(shapes: Iterable[EngineShape], fpga: Fpga, toolchain: str) -> list[int]:
    """Return how many block RAMs each engine takes in an FPGA.

    Each kind of memory is synthesised once, unless a rule says exactly what becomes of it: the result is the same as within
    the engine.

    Parameters
    ----------
    shapes : iterable of EngineShape
    fpga : Fpga
    toolchain : str
        As of `firstspike_hw.flow.tools.find_tool`.
    """
    wanted = [memories(shape, fpga.memory_style) for shape in shapes]
    kinds = list(dict.fromkeys(kind for counts in wanted for kind in counts))
    cells = {kind: kind.blocks for kind in kinds if kind.blocks is not None}
    unknown = [kind for kind in kinds if kind not in cells]
    if unknown:
        cells |= zip(unknown, synthesised(unknown, fpga, toolchain), strict=True)
    return [sum(cells[kind] * count for kind, count in counts.items()) for counts in wanted]


def least_block_rams(shape: EngineShape, fpga: Fpga) -> int:
    """Return a number of block RAMs that an engine needs at least, without synthesis."""
    return sum(
        count * sum(_least(ram, fpga.family.block_bits) for ram in kind.rams)
        for kind, count in memories(shape, fpga.memory_style).items()
    )


def _least(ram: Ram, block_bits: int) -> int:
    if ram.blocks is not None:
        return ram.blocks
    return 0 if ram.place is Place.LUTS else ram.bits * ram.depth // block_bits
