"""A memory that is read or loaded, against a list."""

import random
from collections import Counter

import pytest

from firstspike_hw.boards.registry import BOARDS
from firstspike_hw.memory.loadable_memory import LoadableMemory
from firstspike_hw.memory.style import ECP5_MEMORY
from firstspike_spec.common.words import LOAD_WORD, Memory

from ..bench import load_word, simulate
from ..synthesis import synthesize

NAMES = [field.name for field in LOAD_WORD.fields]


def check(dut, rng, *, bits, depth, init, ports, places=None, cycles=500, staged=False):
    """Read on all ports in every cycle, load and peek at random, and compare with a list; None in it is a word unknown."""
    words = [*init, *[0] * (depth - len(init))]
    places = places or range(depth)
    counts = {"read": 0, "peeked": 0, "loaded": 0}

    async def testbench(ctx):
        # For each cycle in which memory is read, what each port's data is to be two cycles later, and `peeked` a cycle after
        # that; None for unknown. What comes through the load port takes its turn one cycle after it has come; addresses do so
        # too if the memory is staged.
        expected, turn, turn_addresses = [], ("rest", None, 0, 0), [0] * ports
        for cycle in range(cycles):
            what, place = rng.choice(["load", "peek", "rest", "rest"]), rng.choice(places)
            kind = rng.choice([*Memory, Memory.ENTRIES, Memory.ENTRIES])
            addresses = [rng.choice(places) for _ in range(ports)]
            fields = load_word(kind, place, rng.getrandbits(bits), lane=3, layer=2)
            ctx.set(dut.load.word, dict(zip(NAMES, fields, strict=True)))
            ctx.set(dut.load.write, what == "load")
            ctx.set(dut.load.peek, what == "peek")
            for signal, address in zip(dut.address, addresses, strict=True):
                ctx.set(signal, address)
            await ctx.tick()
            (what, kind, place, word), turn = turn, (what, kind, place, fields[0])
            if staged:
                addresses, turn_addresses = turn_addresses, addresses
            loads, peeks = (what == name and kind == Memory.ENTRIES for name in ("load", "peek"))
            data = [words[address] for address in addresses]
            if loads:
                data = [None if address == place else word for address, word in zip(addresses, data, strict=True)]
                counts["loaded"] += 1
            if what != "rest":
                data[0] = None
            expected.append((data, words[place] if peeks else 0))
            if loads:
                words[place] = word
            if cycle:
                data, _peeked = expected[cycle - 1]
                for port, word in enumerate(data):
                    if word is not None:
                        got = ctx.get(dut.data[port])
                        assert got == word, f"cycle {cycle}, port {port}: expected {word:#x}, got {got:#x}"
                        counts["read"] += 1
            if cycle > 1 and (peeked := expected[cycle - 2][1]) is not None:
                assert ctx.get(dut.load.peeked) == peeked, f"cycle {cycle}: peeked"
                counts["peeked"] += peeked != 0

    simulate(dut, testbench)
    assert counts["read"] > cycles * ports // 3
    assert counts["peeked"] > cycles // 100
    assert counts["loaded"] > cycles // 50


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("ports", [1, 2])
@pytest.mark.parametrize(
    ("bits", "depth"), [(1, 1), (3, 2), (7, 3), (8, 5), (32, 9), (36, 6), (13, 16), (9, 63), (18, 65), (5, 300)]
)
def test_reads_loads_and_peeks_in_random_order(bits, depth, ports, staged):
    """Each word is there two or three cycles later; words of other kinds change nothing; what is not peeked at shows as 0."""
    for seed in range(2):
        rng = random.Random(f"{bits} {depth} {ports} {seed}")
        init = [rng.getrandbits(bits) for _ in range(rng.randrange(depth // 2, depth + 1))]
        dut = LoadableMemory(Memory.ENTRIES, bits=bits, depth=depth, contents=init, ports=ports, staged=staged)
        check(dut, rng, bits=bits, depth=depth, init=init, ports=ports, staged=staged)


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("ports", [1, 2])
@pytest.mark.parametrize("depth", [64, 65, 256])
def test_the_same_in_luts(depth, ports, staged):
    """Deep ones have the register in front of the LUTs."""
    rng, style = random.Random(f"{depth} {ports}"), ECP5_MEMORY.shared
    init = [rng.getrandbits(6) for _ in range(depth)]
    dut = LoadableMemory(Memory.ENTRIES, bits=6, depth=depth, contents=init, ports=ports, staged=staged, style=style)
    check(dut, rng, bits=6, depth=depth, init=init, ports=ports, places=[*range(8), depth - 1], staged=staged)


@pytest.mark.parametrize("ports", [1, 2])
@pytest.mark.parametrize(
    ("board", "block_rams"),
    [("icebreaker", {"SB_RAM40_4K": 2}), ("tang-nano-9k", {"SPX9": 1, "DPX9B": 1}), ("ulx3s-85f", {"DP16KD": 1})],
)
def test_no_logic_for_collisions(tmp_path, board, block_rams, ports):
    """Beside block RAM there are the registers that this component has, and no others."""
    bits = 16
    style = BOARDS[board].fpga.memory_style
    dut = LoadableMemory(Memory.ENTRIES, bits=bits, depth=512, contents=range(512), ports=ports, style=style)
    netlist = synthesize(tmp_path, BOARDS[board], dut=dut)
    cells = Counter(cell["type"] for cell in netlist["modules"]["top"]["cells"].values())
    flip_flops = sum(count for name, count in cells.items() if name.startswith(("SB_DFF", "DFF", "TRELLIS_FF")))
    # Before the memory a word, its address, its turn and its write; after it what is peeked at, three cycles after the turn.
    assert flip_flops == bits + 9 + 2 + bits + 3 + (0 if board == "ulx3s-85f" else bits * ports)
    # The iCE40 has one read port in a block.
    copies = ports if board == "icebreaker" else 1
    assert sum(cells[name] for name in block_rams) == next(iter(block_rams.values())) * copies
    # Of 9 address bits, a write and the bits peeked.
    luts = sum(count for name, count in cells.items() if name.startswith(("SB_LUT", "LUT")))
    assert luts <= 9 + bits + 4
