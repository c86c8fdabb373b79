"""Functional coverage: the benches of the engine came into every situation that they should."""

import pytest

from firstspike_sim.points import COMPARED, POINTS, REACHED, collect


def test_every_point_is_reached(record_property):
    """Counted over all benches of this session; runs last."""
    if not REACHED:
        pytest.skip("no bench of the engine ran in this session")
    record_property("values", COMPARED["values"])
    for point, meaning in POINTS.items():
        print(f"{REACHED[point]:8,} {point}: {meaning}")
    missed = [point for point in POINTS if not REACHED[point]]
    assert not missed, f"never reached: {', '.join(missed)}"
    assert set(REACHED) <= set(POINTS)


def test_counts_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr("firstspike_sim.points.REACHED", reached := type(REACHED)())
    (tmp_path / "reached.txt").write_text("3 tie\n0 load while busy\n4 tie\n")
    collect(tmp_path / "reached.txt")
    collect(tmp_path / "not there.txt")
    assert reached == {"tie": 7, "load while busy": 0}
