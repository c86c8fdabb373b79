"""What is measured: the named points of ``firstspike benchmark``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A network on engines in an FPGA.

    Parameters
    ----------
    name : str
        Of the point, and of its result's file.
    network : str
        One of those in ``networks/``.
    fpga : str
    lanes : int or tuple of int
        Of each hidden layer: one number for all, or one for each.
    engines : int
        Side by side; each takes the next image in turn.
    goal_mhz : float
        The clock that place-and-route works towards. On an ECP5 the router continues until its own estimate meets it, which is
        up to 7 % above the final analysis, and gives up after 1,000 passes: choose little more than it reaches.
    """

    name: str
    network: str
    fpga: str
    lanes: int | tuple[int, ...]
    engines: int
    goal_mhz: float


POINTS = {
    point.name: point
    for point in (
        Point("fast", "mnist-mlp-2", "ecp5-85k", lanes=32, engines=1, goal_mhz=155),
        Point("balanced", "mnist-mlp-2", "ecp5-85k", lanes=16, engines=1, goal_mhz=150),
        Point("accurate", "mnist-mlp", "ecp5-85k", lanes=32, engines=1, goal_mhz=135),
        Point("conv", "mnist-conv", "ecp5-85k", lanes=(6, 28, 5), engines=1, goal_mhz=105),
        Point("fashion", "fashion-conv", "ecp5-85k", lanes=(8, 16, 4), engines=1, goal_mhz=95),
        Point("filled", "mnist-mlp-448", "ecp5-85k", lanes=30, engines=4, goal_mhz=140),
        Point("small", "mnist-mlp-2", "ecp5-25k", lanes=4, engines=1, goal_mhz=115),
        Point("eight", "mnist-mlp-2", "ecp5-25k", lanes=8, engines=1, goal_mhz=150),
        Point("two", "mnist-mlp-448", "ecp5-25k", lanes=2, engines=1, goal_mhz=125),
        Point("icebreaker", "mnist-mlp-2", "ice40up5k", lanes=2, engines=1, goal_mhz=30),
        Point("icebreaker-one", "mnist-mlp-2", "ice40up5k", lanes=1, engines=1, goal_mhz=30),
        Point("icebreaker-88", "mnist-mlp-88", "ice40up5k", lanes=1, engines=1, goal_mhz=30),
        Point("tang-one", "mnist-mlp-2", "gw1nr-9", lanes=1, engines=1, goal_mhz=60),
        Point("tang-88", "mnist-mlp-88", "gw1nr-9", lanes=4, engines=1, goal_mhz=60),
        Point("tang", "mnist-mlp-2", "gw1nr-9", lanes=2, engines=1, goal_mhz=60),
    )
}
