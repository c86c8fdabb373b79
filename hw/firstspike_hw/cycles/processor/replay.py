"""Replay of images, cycle by cycle, without the RTL."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from firstspike_spec.processor.contents import ProcessorContents
from firstspike_spec.protocol.processor_results import SpikesLost

from .dispatcher import Dispatcher
from .fire_sequencer import FireSequencer
from .lanes import Lanes
from .latencies import NEXT_IMAGE
from .merger import Merger
from .queues import NOTHING
from .sequencer import Sequencer
from .spike_ring import SpikeRing
from .step_finder import StepFinder
from .totals import Totals
from .work import Firing, Integration, Work


class Use(IntEnum):
    """What a cycle was for: the first of these that holds."""

    READING = 0  #: INTEGRATE reads a spike.
    ROOM = 1  #: It could, but the lanes have no room for calls.
    FINISHING = 2  #: All spikes are read, and the lanes add the rest; the layer's FIRE waits for them.
    CROWDED = 3  #: INTEGRATE follows a FIRE, or the program waits for one, and that waits until totals have gone.
    SCANNING = 4  #: The same, but FIRE goes on.
    LATENCY = 5  #: Instructions are fetched, or something is on its way.


@dataclass(frozen=True, eq=False)
class ProcessorReplay:
    """What a processor does with images.

    Attributes
    ----------
    cycles : ndarray of int64, shape (images,)
        Of each image, as in the processor's results.
    uses : ndarray of int64, shape (images, layers, uses)
        What they were for (`Use`). While a layer fires, the next one is worked on already.
    additions : ndarray of int64, shape (images, layers, lanes)
        Entries that each lane adds.
    """

    cycles: np.ndarray
    uses: np.ndarray
    additions: np.ndarray

    @property
    def intervals(self) -> np.ndarray:
        """Cycles from the decision before to that of each image, of images back to back: int64, shape (images,)."""
        return self.cycles + NEXT_IMAGE


def replay(contents: ProcessorContents, spike_times: Sequence[np.ndarray], *, by_step: bool) -> ProcessorReplay:
    """Return what a processor does with images, cycle by cycle, without its RTL.

    Inputs come at least as fast as they are read: a spike a cycle. Then it makes no difference whether images come alone, or
    one after the other.

    Parameters
    ----------
    contents : ProcessorContents
    spike_times : sequence of ndarray of int16, each of shape (images, neurons)
        Of the inputs and of all layers, as `Inference.spike_times` of the golden model.
    by_step : bool
        Inputs come by their steps, as over the link; otherwise in the order of their numbers.

    Raises
    ------
    SpikesLost
        If an image has more spikes in a layer than the processor's memory holds.
    """
    work, network = Work(contents), contents.network
    steps = [network.input_time_steps, *[network.time_steps] * len(network.layers)]
    shape = len(spike_times[0]), len(network.layers)
    cycles = np.zeros(shape[0], np.int64)
    uses = np.zeros((*shape, len(Use)), np.int64)
    additions = np.zeros((*shape, contents.shape.lanes), np.int64)
    for image in range(len(cycles)):
        spikes = [part[image] < most for part, most in zip(spike_times, steps, strict=True)]
        inputs = np.flatnonzero(spikes[0])
        if by_step:
            inputs = inputs[np.argsort(spike_times[0][image, inputs], kind="stable")]
        run = _Image(work, contents, inputs, spikes[1:])
        while not run.finished:
            run.step()
        if run.loses:
            raise SpikesLost(image)
        cycles[image] = run.cycles
        uses[image], additions[image] = run.uses, run.additions
    return ProcessorReplay(cycles, uses, additions)


class _Image:
    """A processor that works on one image; see `ProcessorReplay` for ``uses`` and ``additions``.

    Parameters
    ----------
    work : Work
    contents : ProcessorContents
    inputs : ndarray of int64
        The numbers of the inputs that spike, in their order.
    spikes : sequence of ndarray of bool
        Of each layer, which neurons spike.
    """

    def __init__(self, work: Work, contents: ProcessorContents, inputs: np.ndarray, spikes: Sequence[np.ndarray]):
        shape = contents.shape
        # Windows without a neuron have the number 0.
        self._spikes = [np.concatenate([[False], part]) for part in spikes]
        self._ring = SpikeRing(shape.spikes)
        self._dispatcher = Dispatcher((inputs + 1).tolist(), self._ring)
        self._lanes = Lanes(work.lengths, shape.queue_depth)
        self._fire_sequencer = FireSequencer()
        self._totals = Totals(shape.lanes)
        self._merger = Merger(shape.lanes)
        self._finder = StepFinder()
        self._sequencer = Sequencer(work.program)
        self._verdict = self._stuck = self._begun = False
        self.loses = False
        self.cycles = 0
        layers = len(contents.network.layers)
        self.uses = np.zeros((layers, len(Use)), np.int64)
        self.additions = np.zeros((layers, shape.lanes), np.int64)

    @property
    def finished(self) -> bool:
        """Whether the image is decided, or its result is wrong."""
        return self._sequencer.decides or self.loses

    def step(self) -> None:
        """Go through a clock edge."""
        sequencer, dispatcher, ring, lanes = self._sequencer, self._dispatcher, self._ring, self._lanes
        merger, finder, totals, fire_sequencer = self._merger, self._finder, self._totals, self._fire_sequencer
        self._begun = self._begun or dispatcher.begins
        if self._begun:
            self.cycles += 1
            self.uses[sequencer.layer, self._use()] += 1

        # Where totals go.
        found = finder.out
        of_output = sequencer.firing is not None and sequencer.firing.output
        self.loses = found != NOTHING and not of_output and ring.full and self._stuck
        self._stuck = dispatcher.frees_nothing if dispatcher.busy else sequencer.waits
        found_taken = of_output or not ring.full
        firing = fire_sequencer.busy or totals.firing or merger.busy or finder.busy or self._verdict
        self._verdict = found != NOTHING and of_output
        merged = merger.out
        taken = merger.step(totals.out, taken=finder.ready(taken=found_taken))
        finder.step(merged, taken=found_taken)

        started = sequencer.step(integrating=dispatcher.busy, working=lanes.working, firing=firing)
        room, call = lanes.room, dispatcher.call
        lanes.step(call - 1 if room and call != NOTHING else None, hold=totals.holds)
        crowded, step = totals.crowded, fire_sequencer.step_given
        totals.step(step, taken)
        fire_sequencer.step(crowded=crowded)
        dispatcher.step(room=room, spike=found if found != NOTHING and not of_output and not ring.full else None)

        if sequencer.fire_ends and sequencer.firing is not None and sequencer.firing.closes:
            ring.close(sequencer.firing.source)
        if isinstance(started, Integration):
            dispatcher.start(started)
        elif isinstance(started, Firing):
            self._fire(started)

    def _fire(self, firing: Firing) -> None:
        """Begin a FIRE with the next cycle."""
        # All entries of the layer, or of its tile, have been added.
        self.additions[firing.layer] = self._lanes.additions - self.additions[: firing.layer].sum(axis=0)
        if firing.opens:
            self._ring.open(firing.source)
        self._fire_sequencer.start(firing.steps)
        fires = firing.output | self._spikes[firing.layer][firing.windows]
        self._totals.start(np.where(fires, firing.windows, NOTHING))

    def _use(self) -> Use:
        dispatcher, fire_sequencer = self._dispatcher, self._fire_sequencer
        if dispatcher.read:
            return Use.READING
        if dispatcher.waits_for_room:
            return Use.ROOM
        if (dispatcher.follows or self._sequencer.waits) and fire_sequencer.stepping:
            return Use.CROWDED if self._totals.crowded else Use.SCANNING
        if self._lanes.busy and not dispatcher.follows:
            return Use.FINISHING
        return Use.LATENCY
