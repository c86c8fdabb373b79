// Clocks a bare engine.

#define SET_EARLY_EXIT(top, value) (top).early_exit = (value)

#include "core.h"
