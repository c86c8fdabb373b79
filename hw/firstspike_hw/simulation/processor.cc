// Clocks a bare processor, which knows no early exit.

#define SET_EARLY_EXIT(top, value)

#include "core.h"
