"""Tables of results: names as they are, and a width that does not grow with the classes."""

import io
from dataclasses import replace

import numpy as np
import pytest

from firstspike.tables import results_table
from firstspike_spec import infer
from firstspike_spec.inference.results import Results
from firstspike_spec.terminal.console import SafeConsole

from ..spec.random_networks import random_network


@pytest.fixture
def shown():
    """What a terminal shows of a table of random images' results."""

    def show(network, columns=80, **options):
        images = np.random.default_rng(1).integers(0, 256, (4, network.inputs)).astype(np.uint8)
        results = Results.from_inference(infer(network, images, early_exit=False), early_exit=False)
        file = io.StringIO()
        SafeConsole(file=file, width=columns).print(results_table(network, results, shown=3, **options))
        return file.getvalue()

    return show


def test_images_have_numbers_or_names(network, shown):
    assert [line.split()[1] for line in shown(network).splitlines() if line.startswith("│")] == ["0", "1", "2"]
    names = ["10.png", "[red]2.png", "a.tif[1]", "rest"]
    lines = [line for line in shown(network, names=names).splitlines() if line.startswith("│")]
    assert [line.split()[1] for line in lines] == names[:3]


def test_class_names_are_no_markup(network, shown):
    names = ("[bold]", "[/red]", ":smile:", "\x1b[31m")
    table = shown(replace(network, class_names=names), labels=np.zeros(4, int))
    assert " ".join(f"{name:>8}" for name in ("[bold]", "[/red]", ":smile:", "\\x1b[31m")) in table
    assert "\x1b" not in table


def test_of_many_classes_the_earliest_are_shown(shown):
    network = random_network(3, (16, 9, 300), connectivity=0.6, threshold=2)
    table = shown(network)
    assert "the 5 earliest first spikes of 300 outputs" in table
    assert len(table) < 2000
    images = np.random.default_rng(1).integers(0, 256, (4, network.inputs)).astype(np.uint8)
    latencies = infer(network, images, early_exit=False).latencies[0]
    first = np.flatnonzero(latencies == latencies.min())[0]
    row = next(line for line in table.splitlines() if line.startswith("│"))
    assert row.split("│")[4].startswith(f" {first}: {latencies[first]}, ")


def test_of_long_names_the_earliest_are_shown(network, shown):
    names = tuple(f"a name of class {number}" for number in range(4))
    table = shown(replace(network, class_names=names))
    assert "the 4 earliest first spikes of 4 outputs" in table
    assert "a name of class" in table


def with_threshold(network, threshold):
    """The network with another threshold of its outputs."""
    *hidden, last = network.layers
    return replace(network, layers=[*hidden, replace(last, threshold=threshold, potential_bits=None)])


def test_a_decision_by_the_largest_potential_is_marked(network, shown):
    table = shown(with_threshold(network, 64))
    assert all(line.split()[5] == "3*" for line in table.splitlines() if line.startswith("│"))
    assert "'*': no output spiked; the largest potential decides" in table
    assert "*" not in shown(with_threshold(network, 1))


@pytest.mark.parametrize("columns", [30, 80])
def test_nothing_is_cut(network, shown, columns):
    names = [f"a picture with a rather long name, number {number} of four.png" for number in range(4)]
    table = shown(network, columns=columns, names=names, labels=np.zeros(4, int))
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= columns
