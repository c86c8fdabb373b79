"""A model is trained, pruned to a budget, cut, quantised and exported: the network has just these connections, and works."""

import pytest
import torch

from firstspike_model.nn import (
    STDS,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    GradR,
    LatencyEncoder,
    Linear,
    MaxPool2d,
    NesterovGradR,
    NesterovSTDS,
    Sequential,
    Spikes,
    cut_to_budget,
    export,
    freeze_statistics,
    quantise,
)
from firstspike_spec import infer, load_dataset

BUDGET = 1500

PRUNERS = {
    "GradR": lambda weights: GradR(weights, 0.01, alpha=0.0),
    "STDS": lambda weights: STDS(weights, 0.01),
    "NesterovGradR": lambda weights: NesterovGradR(weights, 0.03, alpha=0.0),
    "NesterovSTDS": lambda weights: NesterovSTDS(weights, 0.03),
}


@pytest.mark.parametrize("name", PRUNERS)
def test_training_and_pruning_to_a_budget(name, digits_folder):
    torch.manual_seed(0)
    train, test = (load_dataset("digits", split, digits_folder) for split in ("train", "test"))
    images, labels = torch.tensor(train.images), torch.tensor(train.labels).long()
    model = Sequential(
        LatencyEncoder((8, 8), 8),
        Sequential(Conv2d(1, 8, 3, padding=1, bias=False), MaxPool2d(2), BatchNorm2d(8), Spikes(8)),
        Sequential(Flatten(), Linear(128, 32, bias=False), BatchNorm1d(32), Spikes(8)),
        Linear(32, 10),
    )
    modules = [layer.anchor for layer in model.layers]
    weights = [module.weight for module in modules]
    count = sum(weight.numel() for weight in weights)
    pruner = PRUNERS[name]([{"params": [weight]} for weight in weights])
    rest = [parameter for parameter in model.parameters() if all(parameter is not weight for weight in weights)]
    others = torch.optim.Adam([parameter for parameter in rest if parameter.requires_grad], 0.01)

    def advance(optimisers, epochs):
        for _ in range(epochs):
            for batch in torch.randperm(len(images)).split(50):
                loss = torch.nn.functional.cross_entropy(model.train()(images[batch]), labels[batch])
                for optimiser in optimisers:
                    optimiser.zero_grad()
                loss.backward()
                for optimiser in optimisers:
                    optimiser.step()

    costs = model.operation_counts(images[:100])
    for module in modules:
        pruner.set_costs(module.weight, costs[module].clamp(min=0.1) / costs[module].mean())
    for share in (0.7, 0.5, BUDGET / count):
        advance((pruner, others), 2)
        pruner.prune_to([share] * len(weights))
        assert all(int(weight.count_nonzero()) <= share * weight.numel() + 1e-6 for weight in weights)
    for module, mask in zip(modules, cut_to_budget(weights, BUDGET / count), strict=True):
        module.cut(mask)
    quantise(model, 4, keep_connected=True)
    freeze_statistics(model, "variances")
    advance((torch.optim.Adam([parameter for parameter in model.parameters() if parameter.requires_grad], 0.003),), 3)
    network = export(model, images[:200])
    synapses = sum(projection.synapses for layer in network.layers for projection in layer.projections)
    assert BUDGET - len(weights) <= synapses <= BUDGET
    assert synapses == sum(int(module.mask.sum()) for module in modules)
    assert (infer(network, test.images).classes == test.labels).mean() > 0.9
    with torch.no_grad():
        scores = model.eval()(torch.tensor(test.images))
    assert (infer(network, test.images).classes == scores.argmax(1).numpy()).all()
