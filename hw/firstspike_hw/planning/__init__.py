"""``firstspike plan``: whether an engine fits an FPGA, and what it will do there, without place-and-route."""
