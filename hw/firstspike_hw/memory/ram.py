"""What all memories that can be loaded have in common, and the one that synthesis infers."""

from collections.abc import Iterable

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

#: Cycles from an address to its word.
LATENCY = 2

#: A memory of more words in LUTs has multiplexers behind them.
_SHALLOW = 64


def ram_members(*, bits: int, depth: int, ports: int) -> dict[str, wiring.Member]:
    """Return the members of a memory that is read at every port in every cycle, and written at its first one."""
    return {
        "address": In(range(depth)).array(ports),
        "write": In(1),
        "data": In(bits),
        "word": Out(bits).array(ports),
    }


class InferredRam(wiring.Component):
    """A memory that synthesis makes of what an FPGA has, with a register after each port.

    In a deep one in LUTs, that register is before the port instead, so that the address does not wait for the choice of it.

    Parameters
    ----------
    bits, depth : int
        Width of a word, and number of words, at least 2.
    contents : iterable of int
        What it holds at power-up; 0 beyond their end.
    ports : int
        1 or 2.
    in_luts : bool
        It lies in LUTs, whatever synthesis would choose; only where LUTs can be memories.

    Members
    -------
    address : ``In(range(depth)).array(ports)``
    write : ``In(1)``
        Write to the first port's address.
    data : ``In(bits)``
        The word to write.
    word : ``Out(bits).array(ports)``
        The words at the addresses of two cycles ago. Unknown: that of the first port if it wrote in that cycle; that of the
        second, if its address was written in that cycle.
    """

    def __init__(self, *, bits: int, depth: int, contents: Iterable[int] = (), ports: int = 1, in_luts: bool = False):
        self._bits, self._depth, self._contents = bits, depth, contents
        self._attributes = {"ram_style": "distributed"} if in_luts else {}
        self._early = in_luts and depth > _SHALLOW
        super().__init__(ram_members(bits=bits, depth=depth, ports=ports))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inferred = cells = memory.Memory(
            shape=unsigned(self._bits), depth=self._depth, init=self._contents, attrs=self._attributes
        )
        before, after = ("sync", "comb") if self._early else ("comb", "sync")
        writes, data = Signal(), Signal(self._bits)
        addresses = [Signal(range(self._depth), name=f"address_{port}") for port in range(len(self.address))]
        m.d[before] += [writes.eq(self.write), data.eq(self.data)]
        m.d[before] += [signal.eq(address) for signal, address in zip(addresses, self.address, strict=True)]
        write = cells.write_port()
        m.d.comb += [write.addr.eq(addresses[0]), write.en.eq(writes), write.data.eq(data)]
        for port, (address, word) in enumerate(zip(addresses, self.word, strict=True)):
            read = cells.read_port()
            m.d.comb += [read.addr.eq(address), read.en.eq(1 if port else ~writes)]
            m.d[after] += word.eq(read.data)
        return m
