"""``firstspike build``."""

import signal
import subprocess
import sys

from firstspike_spec import save_network

from ...spec.random_networks import random_network
from ..flow.test_programs import FAMILY, family, is_running, soon


def test_build_writes_beside_the_call(firstspike, network_file, toolchain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = ("build", network_file, "--board", "ulx3s-25f", "--lanes", 2, "--toolchain", "native")
    shown = firstspike(*call, "--json")
    assert shown.code == 0
    assert shown.json["folder"] == "build/small-ulx3s-25f"
    assert shown.json["clock_mhz"]["achieved"] == 91.25
    assert (tmp_path / "build" / "small-ulx3s-25f" / "bitstream.bit").read_text() == "bits"
    assert [line.split(":")[0] for line in shown.err.splitlines()][1::2] == [
        "elaboration", "synthesis", "place-and-route", "packing",
    ]  # fmt: skip

    again = firstspike(*call)
    assert "build/small-ulx3s-25f/bitstream.bit is up to date" in again.err
    assert "build/small-ulx3s-25f/bitstream.bit: 4 bytes" in again.out
    assert "91.25 MHz reached in place-and-route" in again.out
    assert "1,200 of 24,288 logic, 800 of 24,288 flip flops, 7 of 56 block rams" in again.out
    assert firstspike(*call, "--json").json["cached"]


def test_a_missed_clock_ends_with_code_2(firstspike, network_file, toolchain, tmp_path):
    toolchain.route({"fmax": {"clk": {"achieved": 10.5}}, "utilization": {
        name: {"used": 1, "available": 2} for name in ("TRELLIS_COMB", "TRELLIS_FF", "DP16KD")
    }})  # fmt: skip
    shown = firstspike("build", network_file, "--board", "ulx3s-25f", "--toolchain", "native", "--out", tmp_path / "out")
    assert shown.code == 2
    assert shown.err.splitlines()[-1].startswith("firstspike: place-and-route reached a clock of 10.5 MHz")


def test_bad_input(firstspike, network_file, tmp_path):
    unknown = firstspike("build", network_file, "--board", "basys3", "--out", tmp_path)
    assert (unknown.code, unknown.out) == (2, "")
    assert "unknown board 'basys3': name one of ulx3s-12f" in unknown.err
    for lanes, said in (
        ("0", "lanes must be in 1 .. 256"),
        ("few", "lanes must be a number, or one for each hidden layer as in 16,8, not 'few'"),
        ("1,2", "one for each of the 1 hidden layers"),
    ):
        shown = firstspike("build", network_file, "--board", "icebreaker", "--lanes", lanes, "--out", tmp_path)
        assert (shown.code, said in shown.err) == (2, True), shown.err


def test_lanes_of_each_hidden_layer(firstspike, toolchain, tmp_path):
    deep = tmp_path / "deep.safetensors"
    save_network(random_network(1, (6, 5, 9, 3)), deep)
    call = ("build", deep, "--board", "ulx3s-25f", "--toolchain", "native", "--out", tmp_path / "out", "--json")
    assert firstspike(*call, "--lanes", "3,2").json["lanes"] == [3, 2]
    assert firstspike(*call, "--lanes", "4").json["lanes"] == [4, 4]
    assert firstspike(*call).json["lanes"] == [5, 9]  # no more than there are neurons


def test_a_terminated_build_leaves_no_program_and_no_folder_behind(network_file, toolchain, tmp_path):
    """As by a CI job that is cancelled."""
    (toolchain.folder / "numbers.sh").write_text(FAMILY.replace("$0", str(tmp_path / "numbers")))
    toolchain.write("yosys", f". {toolchain.folder}/numbers.sh")
    program = "from firstspike.command_line import main; main()"
    options = ("--board", "ulx3s-25f", "--toolchain", "native", "--out", tmp_path / "out")
    command = [sys.executable, "-c", program, "build", network_file, *options]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as process:
        numbers = family(tmp_path / "numbers")
        process.terminate()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert told.splitlines()[-1] == "firstspike: ended by SIGTERM"
    assert soon(lambda: not any(map(is_running, numbers)))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["synthesis.log"]
