// What all harnesses share: a design that is clocked, and buffers of words that the caller gave.
//
// `Top` is the design's class, which Verilator made. All functions are called through ctypes; a count that is negative is a
// `Failure`.

#pragma once

#include <cstddef>
#include <cstdint>

#include "Top.h"

namespace {

enum Failure : int64_t { STUCK = -1, RESULTS_FULL = -2, PROBES_FULL = -3 };

// A design that neither takes nor gives anything for so long, and does not rest, never will.
constexpr uint64_t PATIENCE = 1 << 22;

// Memories begin as noise, the same one each time, as they may in a device that has just got its power.
struct Noise : VerilatedContext {
	Noise() {
		randReset(2);
		randSeed(1);
	}
};

// Each cycle is `evaluate`, in which the outputs follow the inputs, then `commit`, the clock's edge. Whoever derives from this
// gives all inputs a value first: they begin as noise, too.
struct Clocked {
	Noise context;
	Top top{&context};
	uint64_t cycles = 0;

	void reset() {
		top.rst = 1;
		run(2);
		top.rst = 0;
	}

	void evaluate() {
		top.clk = 0;
		top.eval();
	}

	void commit() {
		top.clk = 1;
		top.eval();
		cycles++;
	}

	void run(int count) {
		for (int cycle = 0; cycle < count; cycle++) {
			evaluate();
			commit();
		}
	}
};

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
