"""The differentiable estimate of synaptic operations counts what the golden model counts, and falls where it is penalised."""

from dataclasses import replace

import numpy as np
import torch

from firstspike import nn
from firstspike_model.layered.operations import soft_operations
from firstspike_model.workflow.training import train_recipe
from firstspike_spec import infer


def test_spikes_that_count_much_are_whole_spikes():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.LatencyEncoder((1, 9, 9), 4),
        nn.Conv2d(1, 5, 3, padding=1),
        nn.Spikes(4),
        nn.Conv2d(5, 6, 3),
        nn.MaxPool2d(2),
        nn.Spikes(4),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 7),
        nn.Spikes(4),
        nn.Linear(7, 3),
    )
    with torch.no_grad():
        for layer in model.layers:
            weight = layer.anchor.weight
            weight.mul_(torch.rand_like(weight) < 0.4)
    nn.quantise(model, 4, keep_connected=True)
    nn.freeze_statistics(model)
    model.eval()
    images = torch.randint(0, 256, (6, 1, 9, 9), dtype=torch.uint8)
    spikes = model.run(images)
    many = [part._replace(values=(part.values > 0) * 1e9) for part in spikes]
    network = nn.export(model, images)
    inference = infer(network, images.numpy())
    first = network.layers[0].projections[0]
    of_inputs = (inference.spike_times[0] < network.input_time_steps) @ first.operations
    wanted = float(np.mean(inference.synaptic_operations - of_inputs))
    assert wanted > 100
    assert abs(float(soft_operations(model, many)) / wanted - 1) < 1e-5


def test_a_penalty_saves_operations(tiny_layered, digits_folder):
    plain, saving = (
        train_recipe(replace(tiny_layered, operations_penalty=penalty), data=digits_folder).facts for penalty in (0.0, 0.3)
    )
    assert saving["mean_synaptic_operations"] < 0.8 * plain["mean_synaptic_operations"]
    assert saving["test_accuracy"] > 0.7
