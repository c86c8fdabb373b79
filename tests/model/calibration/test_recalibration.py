"""Calibration of finished networks: what it measures is what the golden model gives, and targets are met."""

import numpy as np
import pytest

import firstspike_spec
from firstspike_model.calibration.output_threshold import Target
from firstspike_model.calibration.recalibration import output_margins, recalibrate


def figures(network, images, labels) -> tuple[float, float]:
    inference = firstspike_spec.infer(network, images)
    return float(np.mean(inference.classes == labels)), float(inference.decision_steps.mean())


def test_margins_are_the_golden_models_potentials(network, held_back):
    inference = firstspike_spec.infer(network, held_back.images, early_exit=False)
    margins = output_margins(network, held_back.images).numpy()
    times = inference.spike_times[-1]
    at = np.minimum(times, network.time_steps - 1)
    got = np.take_along_axis(margins, at[None].astype(int), axis=0)[0] + network.layers[-1].threshold
    assert np.array_equal(got, inference.potentials[-1])
    assert got.size == 1000


@pytest.mark.parametrize("encoder", [False, True])
@pytest.mark.parametrize("latest", [0.0, 0.5, 1.5])
def test_the_step_asked_for_is_kept_and_the_figures_are_real(network, held_back, latest, encoder):
    improvements = []
    changed, calibration = recalibrate(
        network,
        held_back.images,
        held_back.labels,
        Target(latest_step=latest),
        encoder=encoder,
        note=lambda _, calibration: improvements.append(calibration.accuracy),
    )
    assert figures(changed, held_back.images, held_back.labels) == (calibration.accuracy, calibration.mean_decision_step)
    assert calibration.mean_decision_step <= latest
    assert improvements == sorted(improvements)
    assert encoder or np.array_equal(changed.encoder.thresholds, network.encoder.thresholds)


def test_the_encoder_may_buy_accuracy_or_time(network, held_back):
    for target in (Target(latest_step=0.5), Target(accuracy=0.6)):
        kept, moved = (
            recalibrate(network, held_back.images, held_back.labels, target, encoder=encoder)[1] for encoder in (False, True)
        )
        assert target.best([kept, moved]) == moved
        assert moved != kept
