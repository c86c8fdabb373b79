"""The ECP5's block RAMs: parameters and pins against Yosys's, grids of them against a model of the primitive."""

import random

import pytest
from amaranth.hdl import Cat, ClockSignal, Const, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

import firstspike_hw.memory.dp16kd
from firstspike_hw.boards.family import ECP5
from firstspike_hw.boards.registry import BOARDS
from firstspike_hw.flow.command_lines import unregistered_block_rams
from firstspike_hw.memory.dp16kd import WORDS, Dp16kd, Grid, blocks, grid
from firstspike_hw.memory.loadable_memory import LoadableMemory
from firstspike_hw.memory.ram import InferredRam
from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY
from firstspike_spec.common.words import Memory as MemoryKind

from ..synthesis import synthesize
from .test_loadable_memory import check


class Primitive(Elaboratable):
    """DP16KD with its output registers (FPGA-TN-02204): 1024 words of two bytes of 9 bits.

    An address is that of a bit, but for the ninth bits of the bytes, which only words of 9 and 18 bits have. What Lattice
    leaves open shows as the inverse of what is there.
    """

    made: list["Primitive"] = []  # noqa: RUF012

    def __init__(self, name: str, **given: object):
        assert name == "DP16KD"
        self._given = given
        self.made.append(self)

    def _constant(self, name: str) -> int:
        return Const.cast(Value.cast(self._given.pop(name))).value

    def _pins(self, name: str, count: int) -> Value:
        return Cat(Value.cast(self._given.pop(f"{name}{bit}")) for bit in range(count))

    def elaborate(self, platform):
        m = Module()
        given = self._given = dict(self._given)
        bits = sum(self._constant(f"p_INITVAL_{number:02X}") << 320 * number for number in range(64))
        assert given.pop("p_GSR") == "DISABLED"
        assert {given.pop("p_RESETMODE"), given.pop("p_ASYNC_RESET_RELEASE")} <= {"SYNC", "ASYNC"}
        init = [bits >> 20 * number & (1 << 18) - 1 for number in range(1024)]
        m.submodules.cells = cells = Memory(shape=18, depth=1024, init=init)
        write = cells.write_port(granularity=1)
        writes, written_row = Signal(), Signal(10)

        for name in "AB":
            width = given.pop(f"p_DATA_WIDTH_{name}")
            assert given.pop(f"p_REGMODE_{name}") == "OUTREG"
            assert given.pop(f"p_WRITEMODE_{name}") == "NORMAL"
            assert given.pop(f"p_CSDECODE_{name}") == "0b000"
            assert given.pop(f"p_CLK{name}MUX") == f"CLK{name}"
            assert isinstance(given.pop(f"i_CLK{name}"), ClockSignal)
            assert [self._constant(f"i_{pin}{name}") for pin in ("CE", "OCE", "RST")] == [1, 1, 0]
            assert [self._constant(f"i_CS{name}{bit}") for bit in range(3)] == [0, 0, 0]
            address, data = self._pins(f"i_AD{name}", 14), self._pins(f"i_DI{name}", 18)
            enable = Value.cast(given.pop(f"i_WE{name}"))
            outputs = [given.pop(f"o_DO{name}{bit}", None) for bit in range(18)]
            row, byte, bit = address[4:], address[3], address[:3]
            # Where the word begins, and which bits it has.
            first = {18: Const(0), 9: byte * 9}.get(width, byte * 9 + bit)
            mask = Signal(18, name=f"mask_{name}")
            m.d.comb += mask.eq((1 << width) - 1 << first)
            if name == "A":
                m.d.comb += [
                    writes.eq(enable),
                    written_row.eq(row),
                    write.addr.eq(row),
                    write.data.eq(data << first),
                    write.en.eq(Mux(enable, mask if width < 18 else Cat(address[0].replicate(9), address[1].replicate(9)), 0)),
                ]
            else:
                assert Const.cast(enable).value == 0
            read = cells.read_port()
            shift, unknown = Signal(5, name=f"shift_{name}"), Signal(name=f"unknown_{name}")
            register = Signal(18, name=f"register_{name}")
            m.d.comb += [read.addr.eq(row), read.en.eq(1)]
            m.d.sync += [
                shift.eq(first),
                unknown.eq(writes if name == "A" else writes & (written_row == row)),
                register.eq((read.data ^ unknown.replicate(18)) >> shift),
            ]
            for number, output in enumerate(outputs):
                if output is not None:
                    m.d.comb += output.eq(register[number] if number < width else 0)
        assert not given, given
        return m


@pytest.fixture
def modelled(monkeypatch):
    monkeypatch.setattr(Primitive, "made", [])
    monkeypatch.setattr(firstspike_hw.memory.dp16kd, "Instance", Primitive)


@pytest.mark.parametrize(
    ("bits", "depth", "ports", "expected"),
    [
        (18, 1024, 2, Grid(18, 1, 1)),
        (7, 65, 1, Grid(18, 1, 1)),
        (36, 700, 2, Grid(18, 2, 1)),
        (9, 2048, 2, Grid(9, 1, 1)),
        (13, 1500, 1, Grid(9, 2, 1)),
        (4, 4096, 2, Grid(4, 1, 1)),
        (2, 8000, 1, Grid(2, 1, 1)),
        (1, 16384, 2, Grid(1, 1, 1)),
        (3, 8192, 1, Grid(2, 2, 1)),
        (16, 3000, 2, Grid(18, 1, 3)),
        (17, 2000, 2, Grid(9, 2, 1)),
        (20, 5000, 2, Grid(9, 3, 3)),
        (1, 40_000, 1, Grid(1, 1, 3)),
    ],
)
def test_loads_reads_and_peeks_in_random_order(modelled, bits, depth, ports, expected):
    assert grid(bits, depth) == expected
    rng = random.Random(f"{bits} {depth} {ports}")
    init = [rng.getrandbits(bits) for _ in range(rng.randrange(depth // 2, depth + 1))]
    dut = LoadableMemory(MemoryKind.ENTRIES, bits=bits, depth=depth, contents=init, ports=ports, style=ECP5_MEMORY)
    words = WORDS[expected.width]
    # A few places, so that what is loaded is read, among them the ends of the blocks.
    edges = [place for row in range(1, expected.rows) for place in (row * words - 1, row * words)]
    places = [0, depth - 1, *edges, *(rng.randrange(depth) for _ in range(20))]
    check(dut, rng, bits=bits, depth=depth, init=init, ports=ports, places=places, cycles=600)
    assert len(Primitive.made) == expected.blocks == blocks(bits, depth, ECP5_MEMORY)


def test_memories_of_a_few_words_take_no_blocks():
    assert blocks(36, 64, ECP5_MEMORY) == 0
    assert blocks(36, 65, ECP5_MEMORY) == 2
    assert blocks(36, 65, GENERIC_MEMORY) == 0


def test_the_boards_that_have_them():
    assert {name for name, board in BOARDS.items() if board.fpga.memory_style.output_registers} == {
        name for name, board in BOARDS.items() if board.family is ECP5
    }


def block_rams(netlist):
    return {name: cell for name, cell in netlist["modules"]["top"]["cells"].items() if cell["type"] == "DP16KD"}


def test_yosys_gives_the_same_parameters_and_pins(tmp_path):
    """Beside each of our blocks, Yosys infers one with the same contents and addresses, but without output registers."""
    components = {}
    for width, words in WORDS.items():
        rng = random.Random(width)
        options = {"bits": width, "depth": words, "contents": [rng.getrandbits(width) for _ in range(words)], "ports": 2}
        components |= {f"ours_{width}": Dp16kd(**options), f"theirs_{width}": InferredRam(**options)}
    netlist = synthesize(tmp_path, BOARDS["ulx3s-85f"], **components)
    names = {}
    for port, description in netlist["modules"]["top"]["ports"].items():
        if description["direction"] == "input":
            names |= {bit: (port.partition("__")[2], place) for place, bit in enumerate(description["bits"])}
    cells = block_rams(netlist)
    assert len(cells) == 2 * len(WORDS)
    for width in WORDS:
        ours, theirs = cells[f"ours_{width}.block_0_0"], cells[f"theirs_{width}.inferred.0.0"]
        differing = {
            name: (value, theirs["parameters"][name])
            for name, value in ours["parameters"].items()
            if value != theirs["parameters"][name]
        }
        # The second port never writes.
        assert differing == {
            "REGMODE_A": ("OUTREG", "NOREG"),
            "REGMODE_B": ("OUTREG", "NOREG"),
            "WRITEMODE_B": ("NORMAL", "READBEFOREWRITE"),
        }
        assert ours["parameters"].keys() == theirs["parameters"].keys()
        assert {int(ours["parameters"][f"DATA_WIDTH_{port}"], 2) for port in "AB"} == {width}
        compared = 0
        for pin, (bit,) in theirs["connections"].items():
            if not pin.startswith("DO") and bit != "x":
                (our_bit,) = ours["connections"][pin]
                assert names.get(our_bit, our_bit) == names.get(bit, bit), pin
                compared += 1
        assert compared == 2 * (1 + 1 + 1 + 1 + 1 + 3 + 14 + 18) - width
        shown = {bit: pin for pin, (bit,) in ours["connections"].items()}
        for number, port in enumerate("AB"):
            word = netlist["modules"]["top"]["ports"][f"ours_{width}__word__{number}"]["bits"]
            assert [shown[bit] for bit in word] == [f"DO{port}{place}" for place in range(width)]


def test_every_loadable_memory_has_its_output_registers(tmp_path):
    def memories(*depths, style=ECP5_MEMORY):
        options = {"bits": 18, "ports": 2, "style": style}
        return {
            f"memory_{depth}": LoadableMemory(MemoryKind.ENTRIES, depth=depth, contents=range(depth), **options)
            for depth in depths
        }

    netlist = synthesize(tmp_path, BOARDS["ulx3s-85f"], **memories(64, 65, 1024, 2048))
    assert sorted(block_rams(netlist)) == [
        "memory_1024.memory.block_0_0",
        "memory_2048.memory.block_0_0",
        "memory_2048.memory.block_0_1",
        "memory_65.memory.block_0_0",
    ]
    assert unregistered_block_rams(netlist) == []
    # One that is inferred after all.
    netlist = synthesize(tmp_path, BOARDS["ulx3s-85f"], **memories(1024, style=GENERIC_MEMORY))
    assert unregistered_block_rams(netlist) == list(block_rams(netlist)) == ["memory_1024.memory.inferred.0.0"]
