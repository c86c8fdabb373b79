"""The latencies that the processor's model takes from the gateware, in cycles. Each is named here only.

All others follow from how the parts are connected.
"""

from firstspike_spec.processor.instructions import INTEGRATE

from ...memory.loadable_memory import LoadableMemory
from ...processor.lane.entry_reader import EntryReader
from ...processor.lane.lane import Lane
from ...processor.lane.potential_unit import PotentialUnit
from ...processor.lane.queue import Queue
from ...processor.lane.row_finder import RowFinder
from ...processor.parameters import HEADER_GAP, STEP_SLACK
from ...processor.shared.dispatcher import Dispatcher
from ...processor.shared.merger import Merger
from ...processor.shared.sequencer import SETTLING, Sequencer
from ...processor.shared.source_records import SourceRecords
from ...processor.shared.spike_ring import SpikeRing
from ...processor.shared.step_finder import StepFinder

#: From a call or a step to its coming to the lanes: the group's register.
TO_LANES = 1

#: From what a lane says to the parts that the lanes share: the group's register, and that of all groups.
FROM_LANES = 2

#: Calls that may come to a lane after its room has gone, as the processor sets it: those of a round trip.
CALL_SLACK = TO_LANES + FROM_LANES

#: From a call's coming to a lane until its row is in the queue, or it is known that there is none.
FIND_ROW = RowFinder.latency

#: From an entry's reading until its sum has been written.
ADD = EntryReader.latency + PotentialUnit.latency

#: From a step's coming to a lane to its turn among the entries, and to the queue of totals if it closes a window.
STEP_TURN = 1
STEP_TOTAL = Lane.step_latency - Queue.latency

#: Totals that wait in a lane.
TOTALS_DEPTH, TOTALS_SLACK = Lane.FIRED_DEPTH, STEP_SLACK

#: From what a lane does until it says that it is working, or firing: a register.
TELL = 1

#: Cycles without a step between two units.
UNIT_GAP = HEADER_GAP

#: From a word's reading in a ring until it is there; from then on until its call is in the dispatcher's queue.
READ_SPIKE = SpikeRing.latency
MAKE_CALL = LoadableMemory.latency + 3

#: Calls that wait in the dispatcher.
CALLS_DEPTH, CALLS_SLACK = Dispatcher.QUEUE_DEPTH, SpikeRing.latency

#: From the start of an INTEGRATE until the ring's reader is started; from a change of a source's record until that is read.
START_READING = Dispatcher.start_latency - 1
RECORD = SourceRecords.latency

#: From the end of an instruction's execution until the first word of the next one is there.
FETCH = Sequencer.fetch_latency

#: Cycles of rest after which nothing can be on its way any more, the last one included.
REST = SETTLING

#: From a total's transfer into the step finder until it is found.
FIND_STEP = StepFinder.latency

#: Levels of the merger, by number of lanes; a total takes a cycle in each.
merger_levels = Merger.levels

#: From an image's decision until the next image begins, if it waits: the sequencer rests, starts again, fetches the first
#: INTEGRATE, and its reader is started.
NEXT_IMAGE = 2 + FETCH + len(INTEGRATE) + START_READING
