"""Checks of masks."""

import torch


def check_strongest(weights: torch.Tensor, mask: torch.Tensor) -> None:
    """Check that a mask keeps the weights of the largest magnitudes."""
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    if 0 < mask.sum() < mask.numel():
        assert weights[mask == 1].abs().min() >= weights[mask == 0].abs().max()
