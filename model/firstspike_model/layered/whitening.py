"""A fixed first layer that whitens patches of images: its sums have no correlation and equal variance."""

import torch

#: Side of a patch.
WHITENED_SIDE = 2

#: Added to the variances, so that patches without contrast are not blown up.
LEAST_VARIANCE = 5e-4


def whitening_kernels(values: torch.Tensor, channels: int) -> torch.Tensor:
    """Return kernels that whiten patches: the principal components, divided by their deviations, then the same negated.

    A spike says nothing about a negative potential; with both signs, nothing is lost. The construction is that of the first
    layer of short CIFAR-10 trainings (Jordan 2024, arXiv 2404.00498).

    Parameters
    ----------
    values : Tensor of float, shape (count, C, H, W)
        Images as the first layer sees them.
    channels : int
        How many kernels; beyond the number of components, the rest is 0.

    Returns
    -------
    Tensor of float, shape (channels, C, 2, 2)
    """
    side, sources = WHITENED_SIDE, values.shape[1]
    patches = values.unfold(2, side, side).unfold(3, side, side).permute(0, 2, 3, 1, 4, 5).reshape(-1, sources * side * side)
    patches = patches.double()
    covariance = patches.T @ patches / len(patches)
    variances, components = torch.linalg.eigh(covariance)
    whitened = (components / (variances + LEAST_VARIANCE).sqrt()).T.flip(0).float().reshape(-1, sources, side, side)
    half = min(len(whitened), channels // 2)
    kernels = torch.zeros(channels, sources, side, side)
    kernels[:half], kernels[half : 2 * half] = whitened[:half], -whitened[:half]
    return kernels
