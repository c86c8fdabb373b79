// Clocks the compiled engine and its link: sends bytes, and records those that come back.

#include "clocked.h"
#include "probes.h"

namespace {

// More cycles than there ever are between two bytes of a message.
constexpr uint64_t QUIET = 64;

struct Simulator : Clocked {
	Simulator() {
		top.i___05Fvalid = false;
		top.o___05Fready = true;
		reset();
	}
};

} // namespace

#pragma GCC visibility push(default)
extern "C" {

Simulator *link_new() { return new Simulator; }

void link_delete(Simulator *simulator) { delete simulator; }

uint64_t link_cycles(Simulator *simulator) { return simulator->cycles; }

// Sends bytes, one a cycle, and runs until a message has come back or, with `rest`, until nothing more will come. Returns the
// number of bytes that came back.
int64_t link_run(Simulator *simulator, const uint8_t *bytes, size_t count, int rest, uint8_t *received_bytes,
                 size_t received_capacity, uint64_t *probe_words, size_t probe_capacity, size_t *probe_count) {
	Top &top = simulator->top;
	Buffer<uint8_t> received{received_bytes, received_capacity};
	Buffer<uint64_t> probes{probe_words, probe_capacity};
	uint64_t quiet = 0, idle = 0;
	bool whole = false;
	for (size_t at = 0; at < count || (quiet < QUIET && (rest || !whole));) {
		bool offer = at < count;
		top.i___05Fvalid = offer;
		if (offer)
			top.i___05Fpayload = bytes[at++];
		simulator->evaluate();
		quiet = offer || top.busy ? 0 : quiet + 1;
		idle = offer ? 0 : idle + 1;
		if (idle > PATIENCE)
			return STUCK;
		if (top.o___05Fvalid) {
			uint8_t byte = top.o___05Fpayload;
			if (!received.put(byte))
				return RESULTS_FULL;
			whole = byte == 0;
			quiet = idle = 0;
		}
		if (probe_words && !keep_probes(top, probes))
			return PROBES_FULL;
		simulator->commit();
	}
	top.i___05Fvalid = false;
	*probe_count = probes.count;
	return int64_t(received.count);
}

} // extern "C"
#pragma GCC visibility pop
