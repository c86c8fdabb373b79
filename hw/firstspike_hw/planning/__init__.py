"""``firstspike plan``: says before synthesis whether an engine fits an FPGA, and what it will do there."""
