"""A quantised model in eval(), the network that it is exported to, and the golden models agree in every value."""

import numpy as np
import pytest
import torch

from firstspike_model.layers.export import to_network
from firstspike_model.layers.surrogate import Surrogate
from firstspike_model.nn import (
    Conv2d,
    FirstSpikeClassifier,
    Flatten,
    IntegerNetwork,
    LatencyEncoder,
    Linear,
    Sequential,
    Spikes,
    export,
    quantise,
)
from firstspike_model.nn.exact import exact_type
from firstspike_spec import (
    Inference,
    InputError,
    InputTypeError,
    LayeredNetwork,
    Maps,
    compare_inferences,
    infer,
    infer_spikes,
    load_network,
    save_network,
)
from firstspike_spec import LatencyEncoder as StepEncoder

from .random_models import FORMS, random_inputs, random_model

CASES = [(form, seed) for form in FORMS for seed in range(8)]


def golden(network: LayeredNetwork, inputs: torch.Tensor) -> Inference:
    """What numpy computes from the artefact."""
    if network.input_code.thresholds is None:
        return infer_spikes(network, inputs.reshape(len(inputs), -1).numpy())
    return infer(network, inputs.numpy())


def on_tensors(network: LayeredNetwork, inputs: torch.Tensor) -> Inference:
    """What `IntegerNetwork` computes."""
    if network.input_code.thresholds is None:
        return IntegerNetwork(network).infer_spikes(inputs.reshape(len(inputs), -1).numpy())
    return IntegerNetwork(network).infer(inputs.numpy())


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("form", "seed"), CASES)
def test_model_and_exported_network_agree_in_every_value(form, seed, bits):
    model = random_model(form, seed)
    inputs = random_inputs(model, 40)
    quantise(model, bits)
    network = export(model, random_inputs(model, 30, seed=1) if seed % 2 else None)
    wanted = golden(network, inputs)
    compare_inferences(wanted, on_tensors(network, inputs)).check()
    with torch.no_grad():
        runs = model.eval().run(inputs)
    spiked = 0
    for index, layer in enumerate(model.layers[:-1], start=1):
        levels = np.append(network.kernel, 0)[wanted.spike_times[index]]
        assert np.array_equal(levels, runs[index].values.flatten(1).numpy()), layer.name
        spiked += np.count_nonzero(levels)
    assert spiked
    unit = model.layers[-1].anchor.unit.item()
    assert np.array_equal(wanted.potentials[-1], np.round(runs[-1].values.flatten(1).numpy() / unit))
    assert np.array_equal(wanted.classes, runs[-1].values.flatten(1).argmax(1).numpy())
    assert np.array_equal(IntegerNetwork(network)(inputs).numpy(), wanted.potentials[-1])


@pytest.mark.parametrize("form", FORMS)
def test_a_network_is_the_same_after_its_file(form, tmp_path):
    model = random_model(form, 1)
    quantise(model)
    network = export(model, class_names=("a", "b", "c", "d"), provenance={"seed": 1})
    save_network(network, tmp_path / "network.safetensors")
    loaded = load_network(tmp_path / "network.safetensors")
    assert loaded.digest == network.digest
    assert loaded.class_names == ("a", "b", "c", "d")
    inputs = random_inputs(model, 10)
    compare_inferences(golden(network, inputs), golden(loaded, inputs)).check()


def test_calibration_images_spread_the_latencies_and_change_no_class():
    model = random_model("maps", 4)
    with torch.no_grad():
        model[-1].bias.add_(1)  # so that the largest potentials are above 0
    quantise(model)
    inputs = random_inputs(model, 400)
    plain, spread = export(model), export(model, inputs)
    results = [infer(network, inputs.numpy()) for network in (plain, spread)]
    assert np.array_equal(results[0].classes, results[1].classes)
    counts = [np.bincount(result.decision_steps, minlength=plain.time_steps) for result in results]
    assert counts[1].min() > 0.5 * counts[1].max() > counts[0].min()


def test_a_single_layer_takes_the_kernel_of_its_input():
    model = Sequential(LatencyEncoder((6,), [7, 3, 1]), Linear(6, 3))
    quantise(model)
    network = export(model)
    assert network.kernel.tolist() == [7, 3, 1]
    inputs = random_inputs(model, 20)
    compare_inferences(golden(network, inputs), on_tensors(network, inputs)).check()


def test_sums_beyond_float32_are_exact():
    """Many large weights: their sums pass 2 ** 24, so tensors are of float64."""
    torch.manual_seed(0)
    kernel = [1 << 11, 1]
    hidden = Sequential(Conv2d(1, 4, 5, padding=2), Spikes(kernel))
    model = Sequential(LatencyEncoder((32, 32), kernel), hidden, Flatten(), Linear(4 * 32 * 32, 3))
    with torch.no_grad():
        hidden[0].weight.abs_()
        model[-1].weight.abs_()
    quantise(model, 8)
    network = export(model)
    inputs = random_inputs(model, 6)
    wanted = golden(network, inputs)
    assert wanted.potentials[-1].max() > 1 << 24
    compare_inferences(wanted, on_tensors(network, inputs)).check()


def test_sums_are_exact_just_below_what_float32_holds():
    """Also in convolutions for which PyTorch has algorithms that round."""
    generator = torch.Generator().manual_seed(0)
    convolution = Conv2d(16, 16, 3, padding=1)
    model = Sequential(LatencyEncoder((16, 20, 20), [800, 1]), convolution, Spikes([800, 1]), Flatten(), Linear(6400, 2))
    with torch.no_grad():
        convolution.weight.copy_(torch.randint(-127, 128, convolution.weight.shape, generator=generator) / 800)
    quantise(model, 8)
    network = export(model)
    inputs = random_inputs(model, 4)
    wanted = golden(network, inputs)
    assert np.abs(wanted.potentials[0]).max() > 1 << 21
    compare_inferences(wanted, on_tensors(network, inputs)).check()


def test_sums_are_of_a_type_that_is_exact():
    """Also where PyTorch is told to compute products of float32 in shorter types, which not every processor does."""
    cpu = torch.device("cpu")
    assert exact_type((1 << 24) - 1, cpu) == torch.float32
    assert exact_type(1 << 24, cpu) == torch.float64
    assert exact_type(1, torch.device("cuda")) == torch.float64
    before = torch.get_float32_matmul_precision()
    try:
        for precision in ("high", "medium"):
            torch.set_float32_matmul_precision(precision)
            assert exact_type(1, cpu) == torch.float64
    finally:
        torch.set_float32_matmul_precision(before)
    assert exact_type(1, cpu) == torch.float32


def test_no_images_give_no_results():
    model = random_model("maps", 0)
    quantise(model)
    network = IntegerNetwork(export(model))
    assert network(random_inputs(model, 0)).shape == (0, 4)


def test_images_of_another_kind_are_refused():
    model = random_model("maps", 0)
    quantise(model)
    network = IntegerNetwork(export(model))
    with pytest.raises(InputTypeError, match="images must be an array of uint8"):
        network(torch.rand(2, 9, 8))
    with pytest.raises(InputError, match="shape"):
        network(torch.zeros(2, 9, 9, dtype=torch.uint8))
    with pytest.raises(InputError, match=r"spike times must be in 0 \.\. "):
        network.infer_spikes(np.full((2, 72), 99, np.int16))
    with pytest.raises(InputTypeError, match="IntegerNetwork takes a LayeredNetwork, not Sequential"):
        IntegerNetwork(model)


def test_float_weights_are_refused():
    model = random_model("dense", 0)
    with pytest.raises(InputError, match=r"1 \(Linear\) has float weights; call quantise\(model\) first"):
        export(model)
    with pytest.raises(InputTypeError, match="export takes a Sequential or a FirstSpikeClassifier, not Linear"):
        export(model[1])


def test_step_by_step_networks_are_exported_as_training_does():
    generator = torch.Generator().manual_seed(0)
    layers = [(Maps.whole(1, 5, 5), 7), (Maps.flat(7), 3)]
    classifier = FirstSpikeClassifier(layers, 4, generator, Surrogate("fast-sigmoid", 1.0))
    encoder = StepEncoder.linear(4)
    with pytest.raises(InputError, match=r"layer 0 is not quantised; call its fit_scale\(\) first"):
        export(classifier, encoder=encoder, input_shape=(5, 5))
    for layer in classifier.layers:
        layer.fit_scale()
    with pytest.raises(InputError, match="give export its encoder and input_shape"):
        export(classifier)
    network = export(classifier, encoder=encoder, input_shape=(5, 5))
    assert network.digest == to_network(classifier, encoder, (5, 5)).digest


@pytest.mark.parametrize("form", FORMS)
def test_operation_counts_add_up_to_the_networks(form):
    """Counts of kept weights: in fully connected layers, exactly the artefact's operations."""
    model = random_model(form, 5)
    quantise(model, 8, keep_connected=True)
    inputs = random_inputs(model, 23)
    counts = model.train().operation_counts(inputs, batch=10)
    assert model.training
    total = sum((module.connected_weights() != 0).mul(count).sum().item() for module, count in counts.items())
    result = golden(export(model), inputs)
    identities = sum(
        np.count_nonzero(result.spike_times[branch.source] < len(export(model).kernel)) / len(inputs)
        for layer in model.layers
        for branch in layer.branches
        if branch.synapses is None
    )
    wanted = result.synaptic_operations.mean()
    assert total + identities <= wanted * (1 + 1e-6)  # the artefact counts weights beyond the edges too
    if form == "dense":
        assert total == pytest.approx(wanted)
    else:
        assert total > 0.3 * wanted
