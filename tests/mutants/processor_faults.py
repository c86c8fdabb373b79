"""Deliberate faults in the processor: in its gateware, in its compiler, in its model, and in what the link does for it."""

from .fault import Fault

_HW, _SPEC = "hw/firstspike_hw", "model/firstspike_spec"


def _gateware(name: str, file: str, right: str, wrong: str, *tests: str) -> Fault:
    return Fault(
        f"processor: {name}",
        f"{_HW}/processor/{file}.py",
        right,
        wrong,
        tuple(f"tests/hw/processor/{test}.py" for test in tests),
    )


def _link(name: str, file: str, right: str, wrong: str) -> Fault:
    return Fault(f"processor: {name}", f"{_HW}/link/core/{file}.py", right, wrong, (f"tests/hw/link/core/test_{file}.py",))


def _spec(name: str, file: str, right: str, wrong: str, test: str) -> Fault:
    return Fault(f"processor: {name}", f"{_SPEC}/{file}.py", right, wrong, (f"tests/spec/{test}.py",))


PROCESSOR_FAULTS = [
    # A lane.
    _gateware(
        "no forward of the operation before",
        "lane/potential_unit",
        "Mux(delayed(m, same_as_first, 2), result, found)",
        "found",
        "lane/test_potential_unit",
    ),
    _gateware(
        "no forward of the second operation before",
        "lane/potential_unit",
        "found.eq(Mux(delayed(m, same_as_second, 1), result, read))",
        "found.eq(read)",
        "lane/test_potential_unit",
    ),
    _gateware(
        "a potential is read and not cleared",
        "lane/potential_unit",
        "old.eq(Mux(clears[4], 0, ",
        "old.eq(Mux(0, 0, ",
        "lane/test_potential_unit",
    ),
    _gateware(
        "the weight's sign is lost",
        "lane/potential_unit",
        "Signal(signed(weight_bits))",
        "Signal(weight_bits)",
        "lane/test_lane",
    ),
    _gateware(
        "a row is one entry short",
        "lane/entry_reader",
        "may_follow.eq(left == 2)",
        "may_follow.eq(left <= 3)",
        "lane/test_lane",
    ),
    _gateware(
        "a step of FIRE does not stop the entries",
        "lane/entry_reader",
        "on_the_way.eq(Cat(under_way & ~self.hold, on_the_way))",
        "on_the_way.eq(Cat(under_way, on_the_way))",
        "lane/test_lane",
    ),
    _gateware(
        "an empty row is queued",
        "lane/row_finder",
        "self.found.eq(under_way[-2] & pointer.length.any())",
        "self.found.eq(under_way[-2])",
        "lane/test_lane",
    ),
    _gateware(
        "a queue forgets what was announced",
        "lane/queue",
        "reserved.eq(reserved + _difference(self.announce, self.decline, goes))",
        "reserved.eq(reserved + _difference(self.push, goes))",
        "lane/test_queue",
    ),
    _gateware(
        "a window keeps the largest total of the window before",
        "lane/window_unit",
        "reached.eq(takes | (reached & ~opens))",
        "reached.eq(takes | reached)",
        "lane/test_lane",
    ),
    _gateware(
        "> for >= at the last threshold",
        "lane/window_unit",
        "takes.eq((total >= limit)",
        "takes.eq((total > limit)",
        "lane/test_lane",
    ),
    _gateware(
        "a slot beyond the last row fires",
        "lane/window_unit",
        "wanted.eq(header.exists & (header.slot < step.slots))",
        "wanted.eq(header.exists)",
        "lane/test_lane",
    ),
    _gateware(
        "the initial potential is forgotten",
        "lane/window_unit",
        "total.eq(self.potential + header.initial)",
        "total.eq(self.potential)",
        "lane/test_lane",
    ),
    # What the lanes share.
    _gateware(
        "a spike is written to a full ring",
        "shared/spike_ring",
        "full.eq(after == self.free ^ self._depth)",
        "full.eq(0)",
        "shared/test_spike_ring",
    ),
    _gateware(
        "a place is free before it is read",
        "shared/spike_ring",
        "with m.Elif(reader.valid & releases):\n            m.d.sync += self.free.eq(behind)",
        "with m.Elif(reader.valid & releases):\n            m.d.sync += self.free.eq(behind + 1)",
        "shared/test_spike_ring",
    ),
    _gateware(
        "spikes are read beyond the last one",
        "shared/spike_ring",
        "asked.eq(reads & reader.go & (at != self.limit))",
        "asked.eq(reads & reader.go)",
        "shared/test_spike_ring",
    ),
    _gateware(
        "a source has ended while it is written",
        "shared/source_records",
        "self.follows.eq(follows)",
        "self.follows.eq(0)",
        "shared/test_source_records",
    ),
    _gateware(
        "a spike that no neuron sees",
        "shared/dispatcher",
        "seen.eq(y.seen & x.seen & ",
        "seen.eq(y.seen & ",
        "shared/test_dispatcher",
    ),
    _gateware(
        "a spike of a layer counts as one of the input",
        "shared/dispatcher",
        "kernel_address.eq(Cat(word.step, ~of_input))",
        "kernel_address.eq(Cat(word.step, of_input))",
        "shared/test_dispatcher",
    ),
    _gateware(
        "FIRE goes on while a lane is crowded",
        "shared/fire_sequencer",
        "go.eq(~self.crowded)",
        "go.eq(1)",
        "shared/test_fire_sequencer",
    ),
    _gateware(
        "a column of windows begins in the wrong place",
        "shared/fire_sequencer",
        "window_start.eq(column + 1),",
        "window_start.eq(column),",
        "shared/test_fire_sequencer",
    ),
    _gateware(
        "FIRE does not wait for the lanes",
        "shared/sequencer",
        'with m.State("FIRE"), m.If(lanes_rest):',
        'with m.State("FIRE"), m.If(1):',
        "shared/test_sequencer",
    ),
    _gateware(
        "the FIRE under way is replaced",
        "shared/sequencer",
        "with m.If(under_way):\n",
        "with m.If(0):\n",
        "shared/test_sequencer",
    ),
    _gateware(
        "> for >= at a threshold",
        "shared/step_finder",
        "(stage.total < read.data)",
        "(stage.total <= read.data)",
        "shared/test_step_finder",
    ),
    _gateware(
        "the best output of the image before stays",
        "shared/readout",
        "with m.If(~has_best | (rank > best_rank)):",
        "with m.If(rank > best_rank):",
        "shared/test_readout",
    ),
    _gateware(
        "the channel counts in the wrong order",
        "shared/readout",
        "Cat(~found.channel, ",
        "Cat(found.channel, ",
        "shared/test_readout",
    ),
    _gateware(
        "a payload of the merger is doubled",
        "shared/merger",
        "part.ready.eq(to.ready & (chosen == number))",
        "part.ready.eq(to.ready & (chosen == number) & ~part.payload.as_value()[0])",
        "shared/test_merger",
    ),
    _gateware(
        "lost spikes are not told",
        "processor",
        "readout.loses.eq(loses)",
        "readout.loses.eq(0)",
        "test_programs",
    ),
    _gateware("an image runs while a network is loaded", "processor", "in_image | ~loading", "in_image | 1", "test_processor"),
    _gateware(
        "loading does not wait for an image",
        "processor",
        "self.load.ready.eq(~self.busy & swept)",
        "self.load.ready.eq(swept)",
        "test_processor",
    ),
    # The link.
    _link(
        "a row of a map is one input too long",
        "spike_placer",
        "with m.If(x > form.last_column):",
        "with m.If(x > form.last_column + 1):",
    ),
    _link("the next map begins a row late", "spike_placer", "with m.If(y == form.last_row):", "with m.If(y > form.last_row):"),
    _link("places are kept from step to step", "spike_placer", "[at.eq(0), x.eq(0), y.eq(0), ", "[at.eq(0), x.eq(0), "),
    _link(
        "inputs beyond the last one reach the processor",
        "spike_decoder",
        "neuron[:bits] > self.last_source if self._limited",
        "neuron[:bits].all() if self._limited",
    ),
    # Compiler and model.
    _spec(
        "rows of entries begin one too late",
        "processor/compile",
        "starts = headers.shape[1] + np.cumsum(lengths, axis=1) - lengths",
        "starts = headers.shape[1] + 1 + np.cumsum(lengths, axis=1) - lengths",
        "processor/test_compile",
    ),
    _spec(
        "units swap channel and slot",
        "processor/placement",
        "np.stack(np.divmod(tile, self.layout.slots), axis=-1)",
        "np.stack(np.divmod(tile, self.layout.slots)[::-1], axis=-1)",
        "processor/test_compile",
    ),
    _spec(
        "the pitch has no room beyond the edge",
        "processor/layout",
        "self.pitch = self.fired_columns * side + max(before, after)",
        "self.pitch = self.fired_columns * side",
        "processor/test_layout",
    ),
    _spec(
        "maps are given to the link with sides swapped",
        "processor/contents",
        "width - 1, height - 1]",
        "height - 1, width - 1]",
        "processor/test_contents",
    ),
    _spec(
        "lost spikes are taken for results",
        "protocol/processor_results",
        "found.cycles == SPIKES_LOST",
        "found.cycles < SPIKES_LOST",
        "protocol/test_processor_results",
    ),
]
