"""The figures read from the programs' reports."""

import json

from firstspike_hw.boards.family import ECP5, GOWIN, ICE40
from firstspike_hw.flow.figures import achieved_mhz, crowded, utilisation

from .fakes import FULL_LOG


def write(folder, routed, cells=None):
    (folder / "routed.json").write_text(json.dumps(routed))
    (folder / "stat.json").write_text(json.dumps({"design": {"num_cells_by_type": cells or {}}}))


def test_flip_flops_of_the_ice40_are_counted_by_synthesis(tmp_path):
    table = {"ICESTORM_LC": {"used": 50, "available": 5280}, "ICESTORM_RAM": {"used": 2, "available": 30}}
    write(tmp_path, {"utilization": table}, {"SB_LUT4": 40, "SB_DFF": 3, "SB_DFFESR": 4})
    assert utilisation(tmp_path, ICE40) == {
        "logic": {"used": 50, "of": 5280},
        "flip_flops": {"used": 7, "of": 5280},
        "block_rams": {"used": 2, "of": 30},
    }


def test_unused_cells_are_left_out(tmp_path):
    table = {"LUT4": 5, "DFF": 3, "BSRAM": 0, "rPLL": 1, "MULT9X9": 0}
    write(tmp_path, {"utilization": {name: {"used": used, "available": 9} for name, used in table.items()}})
    assert utilisation(tmp_path, GOWIN) == {
        "logic": {"used": 5, "of": 9},
        "flip_flops": {"used": 3, "of": 9},
        "block_rams": {"used": 0, "of": 9},
        "rPLL": {"used": 1, "of": 9},
    }


def test_the_slowest_clock_counts(tmp_path):
    write(tmp_path, {"fmax": {"a": {"achieved": 80.5}, "b": {"achieved": 44.9999}}})
    assert achieved_mhz(tmp_path) == 44.99


def test_crowded_cells():
    """Cells such as PLLs do not count: one of one may be in use."""
    assert crowded(FULL_LOG, ECP5) == ["61 of 56 block RAMs", "23,001 of 24,288 logic cells"]
    assert crowded("Info: \t         ICESTORM_LC:    4751/   5280    89%\n", ICE40) == []
    assert crowded("ERROR: Expected net name\n", ECP5) == []
