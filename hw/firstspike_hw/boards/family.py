"""The families of FPGAs, each with its own open toolchain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import DEFAULT_LANES, plan
from firstspike_spec.network.network import Network

from .plls.ecp5 import Ecp5Pll
from .plls.gowin import GowinPll
from .plls.ice40 import Ice40Pll
from .plls.pll import Pll

#: Up to this many lanes are all kept busy by one spike a cycle.
_LANES_OF_ONE_SPIKE = 8

#: Up to this many lanes have short queues. When an image is decided early, the work that still waits in long ones is wasted
#: (docs/engine-design.md).
_LANES_OF_SHORT_QUEUES = 4

#: Rows that a short queue holds.
_SHORT_QUEUE = 8


@dataclass(frozen=True)
class Family:
    """A family of FPGAs, and the parameters of engines that suit it.

    Parameters
    ----------
    name : str
    pll : type of Pll
        Generates the clock.
    router, packer : str
        The programs that place and route, and that pack the bitstream.
    synthesis : str
        Options of Yosys's command for this family.
    routing : tuple of str
        Options of nextpnr.
    suffix : str
        Of a bitstream's file name.
    logic, flip_flops, block_rams : str
        Their names in the report of place-and-route; empty where it does not count them.
    block_bits : int
        Bits of a block RAM.
    spikes_per_token, bank_lanes, queue_depth : int or None
        As of `firstspike_spec.compiler.plan.plan`; with few lanes, `Family.plan` takes fewer spikes and shorter queues.
    """

    name: str
    pll: type[Pll]
    router: str
    packer: str
    synthesis: str
    routing: tuple[str, ...]
    suffix: str
    logic: str
    flip_flops: str
    block_rams: str
    block_bits: int
    spikes_per_token: int
    bank_lanes: int | None
    queue_depth: int

    def plan(self, network: Network, lanes: int | Sequence[int] | None = None) -> EngineShape:
        """Return the engine for a network that suits these FPGAs.

        Parameters
        ----------
        network : Network
        lanes : int or sequence of int, optional
            Lanes of each hidden layer, one number for all or one for each.

        Raises
        ------
        InputError, InputTypeError
            As of `firstspike_spec.compiler.plan.plan`.
        """
        shape = plan(
            network,
            DEFAULT_LANES if lanes is None else lanes,
            spikes_per_token=self.spikes_per_token,
            bank_lanes=self.bank_lanes,
            queue_depth=self.queue_depth,
        )
        widest = max((layer.lanes for layer in shape.layers), default=0)
        return replace(
            shape,
            spikes_per_token=1 if widest <= _LANES_OF_ONE_SPIKE else self.spikes_per_token,
            queue_depth=min(_SHORT_QUEUE, self.queue_depth) if widest <= _LANES_OF_SHORT_QUEUES else self.queue_depth,
        )


#: Its block RAMs have two ports, so two lanes share one without waiting for each other. Placement weighs timing more than
#: nextpnr's default (10) does: that makes 32 lanes a tenth faster; larger weights gain nothing. A connection that takes a
#: detour and so misses the clock is routed again.
ECP5 = Family(
    name="ECP5",
    pll=Ecp5Pll,
    router="nextpnr-ecp5",
    packer="ecppack",
    synthesis="",
    routing=("--router", "router2", "--placer-heap-timingweight", "60", "--tmg-ripup"),
    suffix=".bit",
    logic="TRELLIS_COMB",
    flip_flops="TRELLIS_FF",
    block_rams="DP16KD",
    block_bits=18_432,
    spikes_per_token=2,
    bank_lanes=None,  # 2, but for an odd number of lanes
    queue_depth=16,
)
#: Its flip-flops are parts of the logic cells. Its memories have one read port.
ICE40 = Family(
    name="iCE40",
    pll=Ice40Pll,
    router="nextpnr-ice40",
    packer="icepack",
    synthesis="",
    routing=(),
    suffix=".bin",
    logic="ICESTORM_LC",
    flip_flops="",
    block_rams="ICESTORM_RAM",
    block_bits=4_096,
    spikes_per_token=1,
    bank_lanes=1,
    queue_depth=8,
)
#: Wide multiplexers take more LUTs than they save, and nextpnr finds it hard to place them.
GOWIN = Family(
    name="Gowin",
    pll=GowinPll,
    router="nextpnr-himbaechel",
    packer="gowin_pack",
    synthesis="-nowidelut",
    routing=(),
    suffix=".fs",
    logic="LUT4",
    flip_flops="DFF",
    block_rams="BSRAM",
    block_bits=18_432,
    spikes_per_token=1,
    bank_lanes=1,
    queue_depth=8,
)
FAMILIES = (ECP5, ICE40, GOWIN)
