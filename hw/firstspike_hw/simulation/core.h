// Clocks a bare engine or processor: sends input words and load words, and records its output.
//
// The file that includes this one defines SET_EARLY_EXIT(top, value); the generated file that includes that one also defines
// FOR_EACH_COUNTER(X) and RESULT_BITS.

#pragma once

#include "clocked.h"
#include "probes.h"

namespace {

struct Simulator : Clocked {
	Simulator() {
		top.i___05Fvalid = top.load___05Fvalid = top.peek = false;
		SET_EARLY_EXIT(top, false);
		top.o___05Fready = true;
		reset();
	}
};

// Returns the bits from `low` to `high` of a wide port.
uint64_t slice(const WData *words, int low, int high) {
	uint64_t value = 0;
	for (int bit = high; bit >= low; bit--)
		value = value << 1 | (words[bit / 32] >> bit % 32 & 1);
	return value;
}

// The cycles in which the sender and the receiver pause: none if the seed is 0. Otherwise they are random, and how often each
// side pauses changes every 256 cycles.
struct Stalls {
	uint64_t state, sender_level = 0, receiver_level = 0;
	bool sender = false, receiver = false;
	uint32_t cycle = 0;

	explicit Stalls(uint64_t seed) : state(seed) {}

	void next() {
		if (!state)
			return;
		// Marsaglia, Xorshift RNGs (2003).
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		if (cycle++ % 256 == 0) {
			sender_level = state >> 32 & 0xFF;
			receiver_level = state >> 40 & 0xFF;
		}
		sender = (state >> 16 & 0xFF) < sender_level;
		receiver = (state >> 24 & 0xFF) < receiver_level;
	}
};

} // namespace

#pragma GCC visibility push(default)
extern "C" {

Simulator *core_new() { return new Simulator; }

void core_delete(Simulator *simulator) { delete simulator; }

uint64_t core_cycles(Simulator *simulator) { return simulator->cycles; }

// Writes the words of a network.
int64_t core_load(Simulator *simulator, const uint64_t *words, size_t count) {
	Top &top = simulator->top;
	uint64_t idle = 0;
	for (size_t at = 0; at < count;) {
		top.load___05Fvalid = true;
		top.load___05Fpayload = words[at];
		simulator->evaluate();
		bool taken = top.load___05Fready;
		simulator->commit();
		at += taken;
		idle = taken ? 0 : idle + 1;
		if (idle > PATIENCE)
			return STUCK;
	}
	top.load___05Fvalid = false;
	simulator->run(4); // until the last word has reached its memory
	return int64_t(count);
}

// Runs inferences until all are decided and the design is idle; `stalls` is the seed of the sender's and receiver's pauses.
// Returns the number of result words, and in `decision_cycles` the cycle in which each decision came.
int64_t core_run(Simulator *simulator, const uint64_t *words, size_t word_count, size_t inferences, int early_exit,
                 uint64_t stalls, uint64_t *result_words, size_t result_capacity, uint64_t *decision_cycles,
                 uint64_t *probe_words, size_t probe_capacity, size_t *probe_count) {
	Top &top = simulator->top;
	Buffer<uint64_t> results{result_words, result_capacity};
	Buffer<uint64_t> decisions{decision_cycles, inferences};
	Buffer<uint64_t> probes{probe_words, probe_capacity};
	constexpr int DECISION_BIT = RESULT_BITS - 1;

	SET_EARLY_EXIT(top, early_exit != 0);
	size_t at = 0;
	uint64_t idle = 0;
	Stalls pauses{stalls};
	bool waits = false; // an offered word stays on offer until it is taken
	for (;;) {
		pauses.next();
		bool ready = !pauses.receiver;
		top.o___05Fready = ready;
		bool left = at < word_count;
		bool offer = left && (waits || !pauses.sender);
		top.i___05Fvalid = offer;
		if (offer)
			top.i___05Fpayload = words[at];
		simulator->evaluate();
		bool done = !left && decisions.count == inferences && !top.busy;
		bool taken = offer && top.i___05Fready;
		bool received = ready && top.o___05Fvalid;
		if (received) {
			uint64_t word = top.o___05Fpayload;
			bool fits = results.put(word);
			if (word >> DECISION_BIT & 1)
				fits &= decisions.put(simulator->cycles);
			if (!fits)
				return RESULTS_FULL;
		}
		if (!keep_probes(top, probes))
			return PROBES_FULL;
		simulator->commit();
		if (done)
			break;
		at += taken;
		waits = offer && !taken;
		idle = taken || received ? 0 : idle + 1;
		if (idle > PATIENCE)
			return STUCK;
	}
	top.o___05Fready = true;
	*probe_count = probes.count;
	return int64_t(results.count);
}

// Reads the counters, in the order of COUNTERS.
void core_counters(Simulator *simulator, uint64_t *counters) {
	simulator->evaluate();
#define COUNTER(name, low, high) *counters++ = slice(simulator->top.counters, low, high);
	FOR_EACH_COUNTER(COUNTER)
	simulator->commit();
}

} // extern "C"
#pragma GCC visibility pop
