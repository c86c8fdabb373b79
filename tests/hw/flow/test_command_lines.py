"""The steps' command lines."""

import json

from amaranth.build.run import BuildPlan

from firstspike_hw.flow.command_lines import commands, unregistered_block_rams


def lines(*command_lines):
    plan = BuildPlan("build_top")
    plan.add_file("build_top.json", json.dumps({"commands": [line.split() for line in command_lines]}))
    return {step: " ".join(words) for step, words in commands(plan).items()}


def test_the_command_lines_are_amaranths():
    assert lines("yosys -q top.ys", "nextpnr-ecp5 --85k --json top.json", "ecppack --input top.config") == {
        "synthesis": "yosys -q top.ys",
        "place-and-route": "nextpnr-ecp5 --85k --json top.json",
        "packing": "ecppack --input top.config",
    }


def test_the_retired_program_for_gowin_is_replaced():
    """Amaranth 0.5.10's command line, and the one for nextpnr-himbaechel."""
    old = "nextpnr-gowin --seed 1 --device GW1NR --family GW1N-9C --json top.json --cst top.cst --write out.json"
    new = (
        "nextpnr-himbaechel --seed 1 --device GW1NR --vopt family=GW1N-9C --json top.json --vopt cst=top.cst --write out.json"
    )
    assert lines("yosys top.ys", old, "gowin_pack -d GW1N-9C")["place-and-route"] == new


def block_ram(first="OUTREG", second="OUTREG"):
    return {"type": "DP16KD", "parameters": {"REGMODE_A": first, "REGMODE_B": second}}


def test_block_rams_of_loadable_memories_without_output_registers_are_found():
    cells = {
        "core.banks_1.entries.memory.block_0_0": block_ram(),
        "core.banks_1.entries.memory.block_10_1": block_ram(second="NOREG"),
        "core.banks_0.entries.memory.inferred.0.1": block_ram("NOREG", "NOREG"),
        "block_0_0": block_ram(first="NOREG"),
        # Other block RAMs need none.
        "link.buffer.storage.0.0": block_ram("NOREG", "NOREG"),
        "core.block_0_0": {"type": "LUT4", "parameters": {}},
    }
    assert unregistered_block_rams({"modules": {"LUT4": {"cells": {}}, "top": {"cells": cells}}}) == [
        "block_0_0",
        "core.banks_0.entries.memory.inferred.0.1",
        "core.banks_1.entries.memory.block_10_1",
    ]
