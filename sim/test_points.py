"""Functional coverage: how situations are counted. Whether the engine's benches came into all of them: `test_engine`."""

from firstspike_sim.points import read_reached


def test_counts_add_up(tmp_path):
    (tmp_path / "reached.txt").write_text("3 tie\n0 load while busy\n4 tie\n")
    assert read_reached(tmp_path / "reached.txt") == {"tie": 7, "load while busy": 0}
    assert not read_reached(tmp_path / "not there.txt")
