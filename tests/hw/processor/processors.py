"""A processor in the simulator, with everything that it takes and gives, against the golden model."""

import random

import numpy as np

from firstspike_hw.chain.engine import COUNTERS
from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_hw.processor.parameters import ProcessorParameters
from firstspike_hw.processor.processor import Processor
from firstspike_spec import infer_spikes
from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD
from firstspike_spec.inference.results import Results, compare_results, with_hidden_spikes
from firstspike_spec.processor.spikes import input_words, probe_word, spike_times_of_probe
from firstspike_spec.protocol.processor_results import read_processor_results

from ..bench import sender, simulate, watch

#: Cycles after which the counters have counted all.
COUNTERS_LATE = 60


def fields_of(word, words):
    values = word.unpack(words)
    return list(zip(*(values[field.name].tolist() for field in word.fields), strict=True))


def named(word, fields):
    return dict(zip((field.name for field in word.fields), fields, strict=True))


def packed(word, fields):
    return np.array([int(word.pack(**named(word, one))) for one in fields], np.uint64)


class Bench:
    """A processor; ``load``, ``feed`` and ``infer`` are parts of a testbench."""

    def __init__(self, shape, style=GENERIC_MEMORY):
        self.dut, self.shape = Processor(ProcessorParameters(shape, style)), shape
        self.taken, self.given, self.shown = [], [], []
        self.background = [
            watch(self.dut.i, self.taken),
            watch(self.dut.o, self.given),
            watch(self.dut.probe_0, self.shown),
        ]

    def simulate(self, *testbenches, top=None, limit=200_000, background=()):
        simulate(top or self.dut, *testbenches, background=[*self.background, *background], hostile=True, limit=limit)

    async def load(self, ctx, contents, *, stalls=0):
        await sender(self.dut.load, fields_of(LOAD_WORD, contents.load_words()), stalls=stalls)(ctx)

    async def feed(self, ctx, words, images, *, stalls=(0, 0)):
        """Give input words and take results until so many images are decided; return result words and probe words."""
        dut, rng = self.dut, random.Random(f"processor {stalls}")
        tokens = fields_of(self.shape.spike, words)
        shown, given = len(self.shown), len(self.given)
        decisions, at, offered = 0, 0, False
        while decisions < images:
            if not offered and at < len(tokens) and rng.random() >= stalls[0]:
                ctx.set(dut.i.payload, named(self.shape.spike, tokens[at]))
                offered = True
            ctx.set(dut.i.valid, offered)
            ready = rng.random() >= stalls[1]
            ctx.set(dut.o.ready, ready)
            *_, taken, valid, decides = await ctx.tick().sample(dut.i.ready, dut.o.valid, dut.o.p.decision)
            if offered and taken:
                at, offered = at + 1, False
            decisions += ready and valid and decides
        ctx.set(dut.i.valid, 0)
        ctx.set(dut.o.ready, 0)
        assert at == len(tokens)
        await ctx.tick().repeat(COUNTERS_LATE)
        assert not ctx.get(dut.busy)
        assert not ctx.get(dut.o.valid)
        results = packed(RESULT_WORD, [item for _, item in self.given[given:]])
        return results, packed(probe_word(self.shape), [item for _, item in self.shown[shown:]])

    async def infer(self, ctx, network, times, *, stalls=(0, 0)):
        """Run a batch and compare all of it with the golden model; return the results and how many values are equal."""
        before, batch = self.counters(ctx), len(times)
        words = input_words(self.shape, network, times)
        results, shown = await self.feed(ctx, words, batch, stalls=stalls)
        golden = infer_spikes(network, times)
        got = with_hidden_spikes(
            read_processor_results(network, results, batch=batch),
            (times, *spike_times_of_probe(self.shape, network, shown, batch)),
            early_exit=False,
            time_steps=network.time_steps,
        )
        comparison = compare_results(Results.from_inference(golden, early_exit=False), got)
        comparison.check()
        assert comparison.compared_values >= batch * (2 * network.outputs + 2 + network.inputs)
        after = self.counters(ctx)
        assert after["spikes"] - before["spikes"] == golden.spikes.sum()
        assert after["synaptic_operations"] - before["synaptic_operations"] == golden.synaptic_operations.sum()
        return got, comparison.compared_values + 2

    def counters(self, ctx):
        value = ctx.get(self.dut.counters)
        return {name: int(getattr(value, name)) for name in COUNTERS.members}
