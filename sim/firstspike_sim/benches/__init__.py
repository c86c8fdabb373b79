"""The benches that cocotb runs, in the simulator's process."""
