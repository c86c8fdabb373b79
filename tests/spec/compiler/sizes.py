"""Sizes of small shapes that fit together, for tests to change."""

#: Of a `LayerShape`.
HIDDEN = {
    "source_bits": 4,
    "lanes": 2,
    "bank_lanes": 2,
    "lane_neurons": 3,
    "bank_entries": 9,
    "row_entries": 3,
    "weight_bits": 4,
    "potential_bits": 8,
}

#: Of an `OutputShape`.
OUTPUT = {"source_bits": 3, "neurons": 5, "weight_bits": 4, "potential_bits": 8}
