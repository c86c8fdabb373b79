"""The latencies that the model takes from the gateware. All others follow from how the parts are connected."""

from ..chain.input_gate import INFERENCE_BITS
from ..chain.readout import ReadOut
from ..lane.accumulator import Accumulator
from ..lane.fire_queue import FireQueue
from ..lane.parameters import TOKEN_SLACK
from ..lane.row_reader import RowReader
from ..layer.output_layer import OutputLayer
from ..lib.skid_buffer import SkidBuffer
from ..memory.loadable_memory import LoadableMemory

#: Inferences under way at most: the number of a new one must not equal that of the oldest unfinished one.
MOST_UNDER_WAY = (1 << INFERENCE_BITS) - 1

#: From a token's transfer in a lane group to its rows at the lanes: the pointer memory, and a register.
POINTERS = LoadableMemory.latency + 1

#: From a change in the number of tokens that wait in a lane to the lane group's seeing it. It is what `TOKEN_SLACK` allows
#: for, beside the tokens on their way and the one that makes the difference.
ROOM = TOKEN_SLACK - POINTERS - 1

#: From a token's arrival in the queue to the row reader's notice of it. Before this it enters the queue, and after it moves to
#: the head and to an operation, in one cycle each.
QUEUE = RowReader.latency - 3

#: From an operation's arrival at the accumulator to its effect on the fire queue. It arrives when it begins, or later by
#: `firstspike_hw.lane.parameters.entry_stages`.
ACCUMULATOR = Accumulator.latency

#: From the fire queue's being crowded to the first operation that is held. It is what `FireQueue.slack` allows for, beside the
#: operations on their way.
HOLD = FireQueue.slack - ACCUMULATOR

#: From an end's transfer into the output layer to that into the read-out, through a skid buffer, if the step has no verdicts;
#: each verdict adds one.
VERDICTS = OutputLayer.latency + SkidBuffer.latency

#: From one end's transfer into the output layer to that of the next, likewise.
END_INTERVAL = OutputLayer.end_interval

#: From the transfer of the end that decides into the read-out to the decision's being on offer.
READOUT = ReadOut.latency
