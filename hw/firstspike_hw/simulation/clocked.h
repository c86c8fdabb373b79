// What all harnesses share: a design that is clocked, and buffers of words that the caller gave.
//
// The generated file before defines `Top`, the design's class, and FOR_EACH_LAYER(X), which calls X(n) for each layer. All
// functions are called through ctypes; a count that is negative is a `Failure`.

#pragma once

#include <cstddef>
#include <cstdint>

namespace {

enum Failure : int64_t { STUCK = -1, RESULTS_FULL = -2, TAPS_FULL = -3 };

struct Clocked {
	Top top;
	uint64_t cycles = 0;

	void reset() {
		top.p_rst.template set<bool>(true);
		for (int cycle = 0; cycle < 2; cycle++) {
			settle();
			clock();
		}
		top.p_rst.template set<bool>(false);
		settle();
	}

	void settle() {
		top.p_clk.template set<bool>(false);
		top.step();
	}

	void clock() {
		top.p_clk.template set<bool>(true);
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

// Keeps the tokens that enter the layers in this cycle: a tap word is a token, with the layer's number in the top 4 bits.
template <typename Design> bool keep_taps(Design &top, Buffer<uint32_t> &taps) {
	bool fits = true;
#define TAP(n) \
	if (read(top.p_tap__##n##____valid).template get<bool>()) \
		fits &= taps.put(uint32_t(n) << 28 | read(top.p_tap__##n##____payload).template get<uint32_t>());
	FOR_EACH_LAYER(TAP)
#undef TAP
	return fits;
}

} // namespace
