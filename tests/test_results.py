"""The tables of README.md and docs/results.md say what the stored reports say."""

import json
import re

import pytest

from firstspike_hw.benchmark.points import POINTS as BENCHMARK_POINTS
from firstspike_spec import load_network

from . import results


@pytest.mark.parametrize("page", results.PAGES, ids=lambda page: page.name)
def test_a_page_holds_the_tables_of_the_stored_reports(page):
    content = page.read_text("utf-8")
    assert results.filled(content) == content, "run python -m tests.results"


def test_every_table_is_on_a_page():
    shown = [name for page in results.PAGES for name in re.findall(r"<!-- table (\w+) -->", page.read_text("utf-8"))]
    assert sorted(shown) == sorted(results.TABLES)


def test_every_stored_report_is_shown():
    def stored(folder):
        return {path.stem for path in (results.RESULTS / folder).glob("*.json")}

    assert (
        stored("networks")
        == {*results.NETWORKS, *results.LAYERED}
        == {path.stem for path in (results.ROOT / "networks").glob("*")}
    )
    assert stored("rtl") == set(results.RTL)
    assert stored("benchmark") == set(results.POINTS) == set(BENCHMARK_POINTS)
    assert len(results.builds()) >= 8


@pytest.mark.parametrize("folder", ["networks", "rtl"])
def test_reports_are_of_the_networks_that_ship(folder):
    for path in (results.RESULTS / folder).glob("*.json"):
        found = json.loads(path.read_text("utf-8"))
        assert found["digest"] == load_network(results.ROOT / found["network"]).digest, path.name
        assert found["mismatches"] == 0


def test_the_golden_model_and_the_rtl_give_the_same_accuracy():
    for name in results.RTL:
        found = results.report("rtl", name)
        if found["images"] == 10_000:
            assert found["accuracy"] == results.report("networks", name)["accuracy"]


def test_boards_hold_the_networks_that_ship():
    for name, facts, rates in results.builds():
        network = load_network(results.ROOT / "networks" / f"{facts['network']}.safetensors")
        assert facts["network_digest"] == network.digest, name
        assert rates is None or rates["network"] == f"networks/{facts['network']}.safetensors"
