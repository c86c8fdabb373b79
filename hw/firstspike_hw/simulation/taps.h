// The tokens that enter the layers. The generated file before defines FOR_EACH_LAYER(X), which calls X(n) for each layer.

#pragma once

#include "clocked.h"

namespace {

// Keeps the tokens of this cycle: a tap word is a token, with the layer's number in the top 4 bits.
bool keep_taps(Top &top, Buffer<uint64_t> &taps) {
	bool fits = true;
#define TAP(n) \
	if (top.tap_##n##___05Fvalid) \
		fits &= taps.put(uint64_t(n) << 60 | top.tap_##n##___05Fpayload);
	FOR_EACH_LAYER(TAP)
#undef TAP
	return fits;
}

} // namespace
