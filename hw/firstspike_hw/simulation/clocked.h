// What all harnesses share: a clocked design, and buffers that the caller provides.
//
// `Top` is the design's class, made by Verilator. All functions are called through ctypes. A negative count is a `Failure`.

#pragma once

#include <cstddef>
#include <cstdint>

#include "Top.h"

namespace {

enum Failure : int64_t { STUCK = -1, RESULTS_FULL = -2, PROBES_FULL = -3 };

// Cycles without any transfer, although the design is not idle, after which it counts as stuck.
constexpr uint64_t PATIENCE = 1 << 22;

// Memories begin as noise, as they may in an FPGA at power-up. The noise is the same each time.
struct Noise : VerilatedContext {
	Noise() {
		randReset(2);
		randSeed(1);
	}
};

// Each cycle is `evaluate`, in which the outputs follow the inputs, then `commit`, the clock's edge. A derived class must set
// all inputs in its constructor: they begin as noise, too.
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

// A buffer that the caller provides. `put` returns false if it is full.
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
