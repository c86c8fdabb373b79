"""The conversion of gateware to Verilog."""

import re

import pytest

from firstspike_hw.chain.engine import COUNTERS, Engine
from firstspike_hw.flow import convert
from firstspike_hw.flow.convert import to_simulation, to_verilog
from firstspike_hw.lane.lane import Lane
from firstspike_hw.lane.parameters import LayerParameters
from firstspike_hw.layer.bank import Bank
from firstspike_spec import InputError
from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan

from ...spec.random_networks import random_network


@pytest.fixture(scope="module")
def contents():
    network = random_network(1, (6, 5, 3), connectivity=0.5)
    return compile_network(network, plan(network, 2, spikes_per_token=2))


def ports(verilog, module):
    """Return (direction, width) of each port of a module."""
    body = re.search(rf"^module {module}\(.*?^endmodule", verilog, re.DOTALL | re.MULTILINE).group()
    found = re.findall(r"^  (input|output) (?:reg )?(?:\[(\d+):0\] )?(\S+);", body, re.MULTILINE)
    return {name: (direction, int(high or 0) + 1) for direction, high, name in found}


def test_the_ports_of_the_engine(contents):
    shape = contents.shape
    spikes = [2 * (part.source_bits + 1) for part in (*shape.layers, shape.output)]
    assert ports(to_verilog(Engine(contents.shape), "engine"), "engine") == {
        "clk": ("input", 1),
        "rst": ("input", 1),
        "i__payload": ("input", spikes[0] + 1),
        "i__valid": ("input", 1),
        "i__ready": ("output", 1),
        "o__payload": ("output", RESULT_WORD.bits),
        "o__valid": ("output", 1),
        "o__ready": ("input", 1),
        "load__payload": ("input", LOAD_WORD.bits),
        "load__valid": ("input", 1),
        "load__ready": ("output", 1),
        "peek": ("input", 1),
        "peeked__payload": ("output", 32),
        "peeked__valid": ("output", 1),
        "early_exit": ("input", 1),
        "busy": ("output", 1),
        "counters": ("output", COUNTERS.size),
        "probe_0__payload": ("output", spikes[0] + 2),
        "probe_0__valid": ("output", 1),
        "probe_1__payload": ("output", spikes[1] + 2),
        "probe_1__valid": ("output", 1),
    }


def test_the_ports_of_a_part(contents):
    lane = Lane(LayerParameters.of(contents.shape, 0))
    found = ports(to_verilog(lane, "lane"), "lane")
    assert {"rows", "o__payload", "o__valid", "o__ready", "load__word", "load__peeked", "entry", "operation"} <= set(found)


def test_the_ports_of_arrays(contents):
    """Each element is a port."""
    bank = Bank(LayerParameters.of(contents.shape, 0))
    found = ports(to_verilog(bank, "bank"), "bank")
    assert {"addresses__0", "addresses__1", "lanes__0__payload", "lanes__1__valid", "lanes__1__ready"} <= set(found)


def test_conversion_is_deterministic(contents):
    assert to_verilog(Engine(contents.shape, contents), "engine") == to_verilog(Engine(contents.shape, contents), "engine")
    assert to_simulation(Engine(contents.shape), "engine") == to_simulation(Engine(contents.shape), "engine")


def test_the_top_module_has_the_given_name(contents):
    verilog = to_verilog(Engine(contents.shape), "small_engine")
    assert len(re.findall(r"^module small_engine\(", verilog, re.MULTILINE)) == 1


def test_the_verilog_has_no_source_paths(contents):
    assert ".py" not in to_verilog(Engine(contents.shape), "engine")


def test_the_verilog_has_contents_but_not_the_simulators(contents):
    """A real engine may hold a network at power-up; a simulated one is always loaded."""
    assert to_verilog(Engine(contents.shape, contents), "engine") != to_verilog(Engine(contents.shape), "engine")
    simulated = to_simulation(Engine(contents.shape, contents), "engine")
    words = re.compile(r"^    \S+\[\d+\] = \d+'h", re.MULTILINE)
    assert words.search(to_verilog(Engine(contents.shape, contents), "engine"))
    assert not words.search(simulated)
    assert ports(simulated, "engine") == ports(to_verilog(Engine(contents.shape), "engine"), "engine")


def test_yosys_without_its_cache_is_reported_before_the_work(monkeypatch):
    """Yosys is compiled from WebAssembly into a folder of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr(convert, "to_rtlil", None)
    for function in (to_simulation, to_verilog):
        with pytest.raises(InputError, match=r"cache directory: /dev/null/wasmtime .*; set XDG_CACHE_HOME to a folder"):
            function(None, "engine")
