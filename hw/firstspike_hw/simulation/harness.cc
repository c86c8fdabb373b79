// Clocks the compiled engine: feeds it tokens and load words, and keeps what it gives.
//
// The generated file before this one defines cxxrtl_design::p_engine, and FOR_EACH_LAYER(X), which calls X(n) for each
// layer. All functions are called through ctypes; each returns a count, or a negative number (see `Failure`).

#include <cstddef>
#include <cstdint>

namespace {

using Top = cxxrtl_design::p_engine;

enum Failure : int64_t { STUCK = -1, RESULTS_FULL = -2, TAPS_FULL = -3 };

// An engine that neither takes nor gives anything for so long never will.
constexpr uint64_t PATIENCE = 1 << 22;

struct Simulator {
	Top top;
	uint64_t cycles = 0;

	Simulator() {
		top.p_rst.set<bool>(true);
		top.p_o____ready.set<bool>(true);
		for (int cycle = 0; cycle < 2; cycle++) {
			settle();
			clock();
		}
		top.p_rst.set<bool>(false);
		settle();
	}

	void settle() {
		top.p_clk.set<bool>(false);
		top.step();
	}

	void clock() {
		top.p_clk.set<bool>(true);
		top.step();
		cycles++;
	}
};

// CXXRTL makes an output a value or, where a register drives it, a wire.
template <size_t Bits> const cxxrtl::value<Bits> &read(const cxxrtl::value<Bits> &output) { return output; }
template <size_t Bits> const cxxrtl::value<Bits> &read(const cxxrtl::wire<Bits> &output) { return output.curr; }

// A buffer of words that the caller gave.
template <typename Word> struct Buffer {
	Word *words;
	size_t capacity;
	size_t count = 0;

	bool put(Word word) {
		if (count == capacity)
			return false;
		words[count++] = word;
		return true;
	}
};

} // namespace

extern "C" {

Simulator *engine_new() { return new Simulator; }

void engine_delete(Simulator *simulator) { delete simulator; }

uint64_t engine_cycles(Simulator *simulator) { return simulator->cycles; }

// Writes the words of a network.
int64_t engine_load(Simulator *simulator, const uint64_t *words, size_t count) {
	Top &top = simulator->top;
	uint64_t idle = 0;
	for (size_t at = 0; at < count;) {
		top.p_load____valid.set<bool>(true);
		top.p_load____payload.set<uint64_t>(words[at]);
		simulator->settle();
		bool taken = read(top.p_load____ready).get<bool>();
		simulator->clock();
		at += taken;
		idle = taken ? 0 : idle + 1;
		if (idle > PATIENCE)
			return STUCK;
	}
	top.p_load____valid.set<bool>(false);
	for (int cycle = 0; cycle < 4; cycle++) { // until the last word is in its memory
		simulator->settle();
		simulator->clock();
	}
	simulator->settle();
	return int64_t(count);
}

// Runs inferences until all are decided and the engine is idle. Returns the number of result words. A tap word is a
// token that entered a layer, with the layer's number in the top 4 bits.
int64_t engine_run(Simulator *simulator, const uint64_t *tokens, size_t token_count, size_t images, int early_exit,
                   uint64_t *result_words, size_t result_capacity, uint32_t *tap_words, size_t tap_capacity,
                   size_t *tap_count) {
	Top &top = simulator->top;
	Buffer<uint64_t> results{result_words, result_capacity};
	Buffer<uint32_t> taps{tap_words, tap_capacity};
	constexpr int DECISION_BIT = RESULT_BITS - 1;

	top.p_early__exit.set<bool>(early_exit != 0);
	size_t at = 0, decisions = 0;
	uint64_t idle = 0;
	for (;;) {
		bool offer = at < token_count;
		top.p_i____valid.set<bool>(offer);
		if (offer)
			top.p_i____payload.set<uint32_t>(uint32_t(tokens[at]));
		simulator->settle();

		if (!offer && decisions == images && !read(top.p_busy).get<bool>())
			break;
		bool taken = offer && read(top.p_i____ready).get<bool>();
		bool given = read(top.p_o____valid).get<bool>();
		if (given) {
			uint64_t word = read(top.p_o____payload).get<uint64_t>();
			decisions += (word >> DECISION_BIT) & 1;
			if (!results.put(word))
				return RESULTS_FULL;
		}
		if (tap_words) {
			bool fits = true;
#define TAP(n) \
	if (read(top.p_tap__##n##____valid).get<bool>()) \
		fits &= taps.put(uint32_t(n) << 28 | read(top.p_tap__##n##____payload).get<uint32_t>());
			FOR_EACH_LAYER(TAP)
			if (!fits)
				return TAPS_FULL;
		}
		simulator->clock();
		at += taken;
		idle = taken || given ? 0 : idle + 1;
		if (idle > PATIENCE)
			return STUCK;
	}
	*tap_count = taps.count;
	return int64_t(results.count);
}

// Reads the counters, in the order of COUNTERS.
void engine_counters(Simulator *simulator, uint64_t *counters) {
#define COUNTER(name, low, high) *counters++ = read(simulator->top.p_counters).slice<high, low>().val().get<uint64_t>();
	FOR_EACH_COUNTER(COUNTER)
}

} // extern "C"
