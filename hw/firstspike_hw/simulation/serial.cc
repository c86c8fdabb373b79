// Clocks the compiled design of a board: bits of a serial line in, bits out.
//
// This file is the host's end of the line. Its bits have the length of the host's baud rate, whatever divisor the board uses.

#include "clocked.h"

namespace {

constexpr int DATA_BITS = 8, FRAME_BITS = 10;

// Time is counted in units of 1 / baud cycles, so that each bit has its exact length of `clock_hz` units.
struct Simulator : Clocked {
	const int64_t clock_hz, baud;

	// To the board: the remaining bits of the byte, low bit first, and the rest of the current bit's time.
	uint32_t sending = 0;
	int send_bits = 0;
	int64_t send_left = 0;

	// From the board: the same, counted from the edge of the start bit.
	uint32_t receiving = 0;
	int receive_bits = 0;
	int64_t receive_left = 0;
	uint64_t framing_errors = 0;

	Simulator(uint64_t clock_hz, uint64_t baud) : clock_hz(clock_hz), baud(baud) {
		top.rx = true;
		reset();
	}

	void send(uint8_t byte) {
		sending = uint32_t(byte) << 1 | 1u << (DATA_BITS + 1);
		send_bits = FRAME_BITS;
		send_left += clock_hz;
	}

	void drive() {
		top.rx = send_bits == 0 || (sending & 1);
		if (send_bits && (send_left -= baud) <= 0) {
			sending >>= 1;
			if (--send_bits)
				send_left += clock_hz;
		}
	}

	// Returns whether a byte is complete. It is in bits 1 to 8 of `receiving`.
	bool sample() {
		bool line = top.tx;
		if (receive_bits == 0) {
			if (line)
				return false;
			receive_bits = FRAME_BITS;
			receive_left = clock_hz / 2;
			receiving = 0;
		}
		if ((receive_left -= baud) > 0)
			return false;
		receiving |= uint32_t(line) << (FRAME_BITS - receive_bits);
		receive_left += clock_hz;
		if (--receive_bits)
			return false;
		bool intact = line && !(receiving & 1);
		framing_errors += !intact;
		return intact;
	}
};

} // namespace

#pragma GCC visibility push(default)
extern "C" {

Simulator *serial_new(uint64_t clock_hz, uint64_t baud) { return new Simulator(clock_hz, baud); }

void serial_delete(Simulator *simulator) { delete simulator; }

uint64_t serial_cycles(Simulator *simulator) { return simulator->cycles; }

uint64_t serial_framing_errors(Simulator *simulator) { return simulator->framing_errors; }

// Runs for `max_cycles`, or until the board rests. Returns the number of bytes received; `sent` is the number sent.
int64_t serial_run(Simulator *simulator, const uint8_t *bytes, size_t count, uint64_t max_cycles, uint8_t *received_bytes,
                   size_t received_capacity, size_t *sent, int *rests) {
	Top &top = simulator->top;
	Buffer<uint8_t> received{received_bytes, received_capacity};
	const uint64_t quiet_needed = 3 * FRAME_BITS * simulator->clock_hz / simulator->baud;
	uint64_t quiet = 0;
	size_t at = 0;
	for (uint64_t cycle = 0; cycle < max_cycles && quiet < quiet_needed && received.count < received.capacity; cycle++) {
		if (!simulator->send_bits && at < count)
			simulator->send(bytes[at++]);
		simulator->drive();
		simulator->evaluate();
		if (simulator->sample())
			received.put(simulator->receiving >> 1 & 0xff);
		bool active = simulator->send_bits || simulator->receive_bits || at < count || top.busy;
		quiet = active ? 0 : quiet + 1;
		simulator->commit();
	}
	*sent = at;
	*rests = quiet >= quiet_needed;
	return int64_t(received.count);
}

} // extern "C"
#pragma GCC visibility pop
