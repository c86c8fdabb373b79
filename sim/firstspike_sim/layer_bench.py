"""Bench of the layer: lanes with their queues, and the collector."""

import cocotb

from firstspike_sim.layer_run import compare_layer
from firstspike_sim.streams import STALLS


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("stall_in", "stall_out"), STALLS))
async def spikes_and_potentials_match(dut, stall_in, stall_out):
    await compare_layer(dut, dut.operations, stall_in, stall_out)
