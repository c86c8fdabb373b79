"""Deliberate faults, each one a small change of one line, and the tests that have to notice it."""

from pathlib import PurePosixPath

from .fault import Fault
from .layered_faults import LAYERED_FAULTS
from .processor_faults import PROCESSOR_FAULTS

_HW, _SPEC = "hw/firstspike_hw", "model/firstspike_spec"


def _gateware(name: str, file: str, right: str, wrong: str, *tests: str) -> Fault:
    return Fault(name, f"{_HW}/{file}.py", right, wrong, tuple(map(_test_of, tests or [file])))


def _test_of(file: str) -> str:
    path = PurePosixPath(file)
    return str("tests/hw" / path.with_name(f"test_{path.name}.py"))


FAULTS = [
    # The accumulator.
    _gateware("no forward of the operation before", "lane/accumulator", "Mux(after_first[5], added, found)", "found"),
    _gateware(
        "no forward of the second operation before",
        "lane/accumulator",
        "use_added.eq(is_same_as_second & second_of_inference & ~operation[3].sweep)",
        "use_added.eq(0)",
    ),
    _gateware(
        "half of the inference's number not compared",
        "lane/accumulator",
        "alike_low.eq(~unlike[:half].any())",
        "alike_low.eq(1)",
    ),
    _gateware(
        "place of an earlier step kept",
        "lane/accumulator",
        "had_place.eq(same_step & before.placed)",
        "had_place.eq(before.placed)",
    ),
    _gateware(
        "> for >= at the threshold",
        "lane/accumulator",
        "marks.fires.eq(~added[-1])",
        "marks.fires.eq(~added[-1] & added.any())",
    ),
    _gateware("a neuron fires twice", "lane/accumulator", "had_spiked.eq(same_inference & before.spiked)", "had_spiked.eq(0)"),
    _gateware(
        "spiked in the inference before",
        "lane/accumulator",
        "had_spiked.eq(same_inference & before.spiked)",
        "had_spiked.eq(before.spiked)",
    ),
    _gateware("a weight's bit is stuck", "lane/accumulator", "new.eq(old + weight[5])", "new.eq(old + (weight[5] & ~2))"),
    _gateware("old sums are not renewed", "lane/accumulator", "0, renewed + 1))", "0, renewed))"),
    _gateware(
        "initial potentials one bit short", "lane/accumulator", "initial.eq(sums.initial),", "initial.eq(sums.initial[:-1]),"
    ),
    # The fire queue.
    _gateware("a step's end is left in the queue", "lane/fire_queue", "limit.eq(put + 1)", "limit.eq(put)"),
    _gateware("the fire queue is never crowded", "lane/fire_queue", "> places - self._slack", "> 2 * places"),
    _gateware(
        "a neuron that does not fire is told",
        "lane/fire_queue",
        "has & (found.end | fires_read.data)",
        "has & (found.end | 1)",
    ),
    # Row reader, memories.
    _gateware("no rest after an inference", "lane/row_reader", "rests.eq(ends_inference),", "rests.eq(0),"),
    _gateware("a row's last entry is dropped", "lane/row_reader", "left.eq(row.more),", "left.eq(row.more - (row.more > 1)),"),
    _gateware(
        "room is told too late",
        "lane/row_reader",
        "waiting <= queue_depth - self._parameters.token_slack",
        "waiting <= queue_depth",
    ),
    _gateware(
        "the first row twice", "lane/row_reader", "Mux(waits[0], head.rows[0], head", "Mux(waits[0] | 1, head.rows[0], head"
    ),
    _gateware("a hold is ignored", "lane/row_reader", "moves.eq(~self.hold)]", "moves.eq(1)]"),
    _gateware(
        "what is being written is not forwarded",
        "memory/lane_memory",
        "return Mux(delayed(m, is_written, cycles), delayed(m, word, cycles), read)",
        "return read",
    ),
    _gateware("late words in LUTs come a cycle early", "memory/lane_memory", '"sync" if late else "comb"', '"comb"'),
    _gateware(
        "the initial potential beside a sum is lost",
        "memory/sum_memory",
        "word=Cat(self.write_sum, self.write_initial)",
        "word=Cat(self.write_sum, self.load_initial)",
    ),
    _gateware(
        "words of other memories are taken",
        "memory/loadable_memory",
        "write.eq(load.write & chosen)",
        "write.eq(load.write)",
    ),
    _gateware(
        "the base is not added", "lane/entry_stage", "self.entry.neuron + base", "self.entry.neuron", "lane/accumulator"
    ),
    _gateware("the row of a source that no neuron sees", "layer/address_table", "& location.seen", ""),
    # Spike merger, lane groups, entrance.
    _gateware(
        "a step ends when one lane has ended it",
        "layer/spike_merger",
        "Cat(part.p.end for part in held).all()",
        "Cat(part.p.end for part in held).any()",
    ),
    _gateware("lanes are swapped", "layer/spike_merger", "number.eq(chosen)", "number.eq(~chosen)"),
    _gateware(
        "no start row",
        "layer/start_row_inserter",
        "self.o.p.valid_0.eq(token.valid_0 | begins)",
        "self.o.p.valid_0.eq(token.valid_0)",
    ),
    _gateware(
        "a token goes to a full lane",
        "layer/lane_group",
        "Cat(bank.room for bank in banks).all()",
        "Cat(bank.room for bank in banks).any()",
    ),
    _gateware(
        "an inference is a step short",
        "chain/input_gate",
        "is_last_step.eq(steps_left == 1)",
        "is_last_step.eq(steps_left == 2)",
    ),
    _gateware(
        "the next inference's spikes are dropped", "chain/input_gate", "drop.eq(decided & under_way)", "drop.eq(decided)"
    ),
    _gateware(
        "a step's last spike is dropped",
        "chain/input_gate",
        "eq(spikes[port] & ~drop)",
        "eq(spikes[port] & ~drop & ~self.i.p.end)",
    ),
    # Output layer and read-out.
    _gateware(
        "the second slice has the first one's weights", "layer/output_layer", "Const(part, slices - 1)", "Const(0, slices - 1)"
    ),
    _gateware("an output fires twice", "layer/output_layer", "Cat(~spiked & (above |", "Cat((above |"),
    _gateware(
        "potentials go on into the next inference",
        "layer/output_layer",
        "Mux(self.first, initial, potential)",
        "Mux(0, initial, potential)",
    ),
    _gateware(
        "the higher address wins a tie",
        "chain/readout",
        "larger = (best_potential - verdict.potential)[-1]",
        "larger = ~(verdict.potential - best_potential)[-1]",
    ),
    _gateware("early exit a step late", "chain/readout", "(self.early_exit & first_spike)", "(self.early_exit & spiked)"),
    _gateware("the last step in place of the first spike's", "chain/readout", "Mux(spiked, kept_step, step)", "step"),
    _gateware("decided in the inference before", "chain/readout", "step.eq(0), spiked.eq(0),", "step.eq(0),"),
    # The engine and its link.
    _gateware("loading while lanes sweep", "chain/engine", "~self.busy & swept", "~self.busy"),
    _gateware("loading while inferences are under way", "chain/engine", "~self.busy & swept", "swept"),
    _gateware(
        "damaged frames are accepted",
        "link/frame_receiver",
        "whole = enough & crc.match_detected & (group_left == 0)",
        "whole = enough & (group_left == 0)",
        "link/frames",
    ),
    _gateware(
        "a group of 255 bytes",
        "link/frame_sender",
        "count == LONGEST_GROUP - 1",
        "count == LONGEST_GROUP",
        "link/frames",
    ),
    _gateware(
        "frames of two senders mix",
        "link/arbiter",
        "with m.If(chosen.p.last):",
        "with m.If(1):",
    ),
    _gateware(
        "a spike of a neuron that is not there",
        "link/core/spike_decoder",
        "placed.end | (placed.spike & ~beyond)",
        "placed.end | placed.spike",
    ),
    # Encoder, golden models, compiler, what the host makes of words.
    Fault(
        "> for >= in the encoder",
        f"{_SPEC}/network/encoder.py",
        "[:, None] >= self",
        "[:, None] > self",
        ("tests/spec/network/test_encoder.py",),
    ),
    Fault(
        "> for >= in the golden model",
        f"{_SPEC}/inference/golden.py",
        "(potential >= layer.threshold)",
        "(potential > layer.threshold)",
        ("tests/spec/inference/test_golden.py",),
    ),
    Fault(
        "> for >= in PyTorch",
        "model/firstspike_model/inference/golden.py",
        "potentials >= layer.threshold",
        "potentials > layer.threshold",
        ("tests/model/inference/test_golden.py",),
    ),
    Fault(
        "entries of a bank in another lane's row",
        f"{_SPEC}/compiler/compile.py",
        "np.lexsort((numbers, entry_within, addresses, entry_banks))",
        "np.lexsort((numbers, -entry_within, addresses, entry_banks))",
        ("tests/spec/compiler/test_compile.py",),
    ),
    Fault(
        "initial potentials of two lanes swapped",
        f"{_SPEC}/compiler/compile.py",
        "shape.bank_lanes + within[owned]] = potentials[owned]",
        "shape.bank_lanes + shape.bank_lanes - 1 - within[owned]] = potentials[owned]",
        ("tests/spec/compiler/test_compile.py",),
    ),
    Fault(
        "potentials without the threshold",
        f"{_SPEC}/protocol/result_words.py",
        "values + network.layers[-1].threshold",
        "values",
        ("tests/spec/protocol/test_result_words.py",),
    ),
    *LAYERED_FAULTS,
    *PROCESSOR_FAULTS,
]
