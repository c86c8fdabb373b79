"""What a board can have: an engine for networks of one size, or a processor."""

from typing import Any

from ..compiler.engine_shape import EngineShape
from ..processor.shape import ProcessorShape

Shape = EngineShape | ProcessorShape

#: What each kind is called in an identity, and in reports.
SHAPES: dict[str, type[EngineShape] | type[ProcessorShape]] = {"engine": EngineShape, "processor": ProcessorShape}


def kind_of(shape: Shape) -> str:
    """Return what has this shape: ``"engine"`` or ``"processor"``."""
    return next(kind for kind, of_kind in SHAPES.items() if isinstance(shape, of_kind))


def lanes_of(shape: Shape) -> list[int]:
    """Return the lanes of each hidden layer of an engine, or of the processor."""
    return [shape.lanes] if isinstance(shape, ProcessorShape) else [layer.lanes for layer in shape.layers]


def facts_of(shape: Shape) -> dict[str, Any]:
    """Return a shape and its digest under the names that they have in reports, ready for JSON."""
    kind = kind_of(shape)
    return {kind: shape.as_dict(), f"{kind}_digest": shape.digest}
