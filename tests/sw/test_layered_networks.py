"""Layered networks on the accelerator: as `naive_layered_model` says, on golden alone, and never cut short."""

from dataclasses import replace

import numpy as np
import pytest

from firstspike import Accelerator
from firstspike.pictures import draw_inferences
from firstspike.tables import results_table
from firstspike_hw.boards.standard import STANDARD_PROCESSORS
from firstspike_spec import InputError, infer, save_network

from ..spec import naive_layered_model as naive
from .layered_networks import colour_images, colour_network, spikes_network
from .test_validation import Wrong, changed, hidden_changed


@pytest.fixture(scope="module")
def layered():
    return colour_network()


@pytest.fixture(scope="module")
def colours():
    return colour_images()


@pytest.fixture(scope="module")
def expected(layered, colours):
    return naive.infer(layered, naive.spike_times(layered, colours))


def assert_results(results, expected):
    np.testing.assert_array_equal(results.latencies, [run["times"][-1] for run in expected])
    np.testing.assert_array_equal(results.potentials, [run["potentials"][-1] for run in expected])
    np.testing.assert_array_equal(results.classes, [run["class"] for run in expected])
    np.testing.assert_array_equal(results.decision_steps, [run["decision_step"] for run in expected])
    assert results.reported.all()
    for layer, times in enumerate(results.spike_times):
        np.testing.assert_array_equal(times, [run["times"][layer] for run in expected])


@pytest.mark.parametrize("early_exit", [True, False])
def test_runs_to_the_end_whatever_is_asked_for(layered, colours, expected, early_exit):
    with Accelerator.open("golden", network=layered) as accelerator:
        results = accelerator.run(colours, early_exit=early_exit)
    assert_results(results, expected)
    # So an early exit would show: spikes of every layer come at later steps of their windows than the decision.
    for times, none in zip(results.spike_times, (16, 8, 8, 8), strict=True):
        assert ((times > results.decision_steps[:, None]) & (times < none)).any()
    assert len(set(results.classes.tolist())) > 1


def test_files_predictions_and_latencies(layered, colours, expected, tmp_path):
    save_network(layered, tmp_path / "layered.safetensors")
    with Accelerator.open(network=tmp_path / "layered.safetensors") as accelerator:
        assert accelerator.network.digest == layered.digest
        np.testing.assert_array_equal(accelerator.predict(colours), [run["class"] for run in expected])
        np.testing.assert_array_equal(accelerator.first_spike_times(colours), [run["times"][-1] for run in expected])
        assert accelerator.predict(colours[:0]).shape == (0,)
        assert accelerator.info()["network"]["kind"] == "layered"
        measured = accelerator.throughput_test(colours)
    assert measured.images == len(colours)


@pytest.mark.parametrize("early_exit", [True, False])
def test_validation(layered, colours, expected, early_exit):
    labels = np.array([run["class"] for run in expected])
    labels[:3] = (labels[:3] + 1) % layered.outputs
    with Accelerator.open("golden", network=layered) as accelerator:
        validation = accelerator.validate(colours, labels, early_exit=early_exit)
    assert validation.comparison.passed
    # Latencies, potentials and whether they are known; class and step; spikes of the input and both hidden layers, pooled.
    assert validation.comparison.compared_values == len(colours) * (4 + 4 + 4 + 1 + 1 + 432 + 6 * 36 + 5 * 9)
    assert validation.accuracy == pytest.approx(1 - 3 / len(colours))
    np.testing.assert_array_equal(validation.synaptic_operations, [run["synaptic_operations"] for run in expected])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("latencies", (5, 1), 99), "latencies: image 5, neuron 1"),
        (changed("potentials", (slice(None), 2), -9999), "potential: image"),
        (changed("reported", (0, slice(None)), False), "reported: image 0"),
        (hidden_changed, "spike time in layer 0: image 5, neuron 2"),
    ],
)
def test_a_wrong_value_is_found(layered, colours, change, message):
    accelerator = Accelerator.open("golden", network=layered)
    accelerator._device = Wrong(accelerator._device, change)
    validation = accelerator.validate(colours, np.zeros(len(colours), int))
    assert message in "\n".join(validation.comparison.named)


@pytest.mark.parametrize(
    ("device", "lanes", "message"),
    [
        ("sim", [3, 2], "a processor has one set of lanes, so give one number of lanes, not 2"),
        ("engine", 256, "lanes must be in 1 .. 255, not 256"),
        ("sim:ulx3s-85f", 16, "the standard processor of ulx3s-85f has 48 lanes; leave the number of lanes out"),
        ("sim:nowhere", None, "unknown board 'nowhere'"),
    ],
)
def test_bad_hardware_is_refused_before_anything_is_made(layered, device, lanes, message):
    with pytest.raises(InputError, match=message):
        Accelerator.open(device, network=layered, lanes=lanes, note=lambda text: pytest.fail(text))


def test_a_network_that_does_not_fit_a_board_is_refused_before_anything_is_made(layered, monkeypatch):
    small = replace(STANDARD_PROCESSORS["ulx3s-85f"], entries=16)
    monkeypatch.setitem(STANDARD_PROCESSORS, "ulx3s-85f", small)
    with pytest.raises(InputError, match=r"does not fit the processor: .*entries in a lane, the processor has 16"):
        Accelerator.open("sim:ulx3s-85f", network=layered, note=lambda text: pytest.fail(text))


def test_an_unknown_device_is_named_first(layered):
    with pytest.raises(InputError, match="unknown device 'fpga'"):
        Accelerator.open("fpga", network=layered)


def test_an_engine_keeps_its_network_when_a_layered_one_is_to_be_loaded(layered, network, images):
    with Accelerator.open("engine", network=network, lanes=3) as accelerator:
        with pytest.raises(
            InputError, match="the network is layered, and the simulated engine takes step-by-step networks only"
        ):
            accelerator.load(layered)
        assert accelerator.network is network
        np.testing.assert_array_equal(accelerator.predict(images), infer(network, images).classes)


def test_golden_loads_one_kind_after_the_other(layered, network, images, colours, expected):
    with Accelerator.open("golden", network=network) as accelerator:
        accelerator.load(layered)
        assert_results(accelerator.run(colours), expected)
        accelerator.load(network)
        np.testing.assert_array_equal(accelerator.run(images).latencies, infer(network, images).latencies)


@pytest.mark.parametrize("make", [colour_network, spikes_network])
def test_selftest(make):
    network = make()
    with Accelerator.open("golden", network=network) as accelerator:
        [check] = accelerator.selftest()
        assert check.passed
        assert check.told.startswith("10 images: ")
        accelerator._device = Wrong(accelerator._device, changed("potentials", (3, 0), -9999))
        [check] = accelerator.selftest()
        assert not check.passed


def test_spike_times_are_run_and_images_refused():
    network = spikes_network()
    times = np.random.default_rng(1).integers(0, 6, (20, 12)).astype(np.int16)
    images = np.zeros((2, 12), np.uint8)
    with Accelerator.open("golden", network=network) as accelerator:
        results = accelerator.run_spikes(times)
        assert_results(results, naive.infer(network, times))
        assert len(np.unique(results.latencies)) > 2
        with pytest.raises(InputError, match=r"spike times must be in 0 \.\. 5"):
            accelerator.run_spikes(times + 1)
        for use in (
            accelerator.run,
            accelerator.predict,
            accelerator.first_spike_times,
            accelerator.throughput_test,
            lambda given: accelerator.validate(given, np.zeros(2, int)),
        ):
            with pytest.raises(InputError, match=r"takes spike times and no images.*run_spikes"):
                use(images)


def test_a_table_and_a_picture_of_results(layered, colours, expected, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("firstspike.pictures.write_png", lambda figure, path: (figures.append(figure), path.write_bytes(b"a")))
    with Accelerator.open("golden", network=layered) as accelerator:
        results = accelerator.run(colours)
    table = results_table(layered, results, shown=3)
    assert table.row_count == 3
    labels = np.zeros(len(colours), int)
    draw_inferences(tmp_path / "a.png", layered, colours, labels, results, chosen=[0, 29])
    spikes = [sum(time < 16 for time in expected[image]["times"][0]) for image in (0, 29)]
    titles = [axes.get_title() for axes in figures[0].axes]
    assert [title for title in titles if "input" in title] == [f"{count} input spikes" for count in spikes]
