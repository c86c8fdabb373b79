"""Small processors for the benches of their parts, and FIRE in plain loops."""

from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_hw.processor.parameters import ProcessorParameters
from firstspike_spec.processor.shape import ProcessorShape

SIZES = {
    "lanes": 2,
    "potentials": 64,
    "potential_bits": 10,
    "entries": 128,
    "weight_bits": 4,
    "value_bits": 4,
    "rows": 64,
    "row_entries": 15,
    "queue_depth": 16,
    "channel_bits": 4,
    "side_bits": 4,
    "spikes": 32,
    "inputs": 32,
    "coordinates": 40,
    "program": 200,
}


def small(style=GENERIC_MEMORY, **sizes):
    """Return the parameters of a small processor, with other sizes where they are named."""
    return ProcessorParameters(ProcessorShape(**SIZES | sizes), style)


def visits(fire):
    """Yield the steps of a FIRE on potentials in their order, in the words of `Fire`.

    Each is ("clear", address), ("header", unit) or ("visit", address, opens, closes, window row, window column).
    """
    for place in range(fire.lead):
        yield "clear", fire.first + place
    for unit in range(fire.units):
        yield "header", unit
        for window_column in range(-(-fire.pitch // fire.pooling)):
            for window_row in range(-(-fire.unit_rows // fire.pooling)):
                window = []
                for dy in range(fire.pooling):
                    for dx in range(fire.pooling):
                        row, column = window_row * fire.pooling + dy, window_column * fire.pooling + dx
                        if row < fire.unit_rows and column < fire.pitch:
                            window.append(fire.first + fire.lead + (unit * fire.unit_rows + row) * fire.pitch + column)
                for number, address in enumerate(window):
                    yield "visit", address, number == 0, number == len(window) - 1, window_row, window_column
