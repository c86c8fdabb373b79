// Records the tokens that enter the layers. The generated file defines FOR_EACH_LAYER(X), which is X(n) for each layer.

#pragma once

#include "clocked.h"

namespace {

// Records this cycle's tokens. A probe word is a token with the layer's number in the top 4 bits. Returns false if there is no
// room.
bool keep_probes(Top &top, Buffer<uint64_t> &probes) {
	bool fits = true;
#define PROBE(n) \
	if (top.probe_##n##___05Fvalid) \
		fits &= probes.put(uint64_t(n) << 60 | top.probe_##n##___05Fpayload);
	FOR_EACH_LAYER(PROBE)
#undef PROBE
	return fits;
}

} // namespace
