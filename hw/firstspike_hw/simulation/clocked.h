// What all harnesses share: a design that is clocked, and buffers of words that the caller gave.
//
// The generated file before defines `Top`, the design's class. All functions are called through ctypes; a count that is
// negative is a `Failure`.

#pragma once

#include <cstddef>
#include <cstdint>

namespace {

enum Failure : int64_t { STUCK = -1, RESULTS_FULL = -2, TAPS_FULL = -3 };

// A design that neither takes nor gives anything for so long, and does not rest, never will.
constexpr uint64_t PATIENCE = 1 << 22;

// Each cycle is `evaluate`, in which the outputs follow the inputs, then `commit`, the clock's edge.
//
// One evaluation does for both: it computes the outputs, and what the registers and memories take at the edge. CXXRTL's own
// `step` would evaluate three times a cycle.
struct Clocked {
	Top top;
	uint64_t cycles = 0;

	void reset() {
		top.p_rst.template set<bool>(true);
		run(2);
		top.p_rst.template set<bool>(false);
	}

	void evaluate() {
		top.prev_p_clk.template set<bool>(false);
		top.p_clk.template set<bool>(true);
		top.eval();
	}

	void commit() {
		top.commit();
		cycles++;
	}

	void run(int count) {
		for (int cycle = 0; cycle < count; cycle++) {
			evaluate();
			commit();
		}
	}
};

// CXXRTL makes an output a value or, where a register drives it, a wire. Both are right between `evaluate` and `commit`.
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
