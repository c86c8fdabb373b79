"""The one costly thing in training: what all sources together bring to all targets, at every step.

There is no leak and no reset, so a potential after a step is the start potential plus the weights of all sources that have
spiked by then, and one matrix product serves all steps. Which processor instructions compute it fastest is settled here.
"""

import functools

import torch


def synaptic_input(present: torch.Tensor, weights: torch.Tensor, whole: bool = False) -> torch.Tensor:
    """Return the summed weights of the sources that have spiked.

    Parameters
    ----------
    present : Tensor of int8 or float, shape (..., sources)
        1 for a source that has spiked, else 0. Of type int8 it takes no gradient.
    weights : Tensor of float, shape (targets, sources)
    whole : bool
        The weights are whole numbers in -128 .. 127: the sums are exact. Otherwise they may be rounded to eight
        significant bits on a processor with fast products of that precision.

    Returns
    -------
    Tensor of float32, shape (..., targets)
        With gradient to both; gradients are computed in bfloat16 where the processor is fast at it.
    """
    flat = present.reshape(-1, present.shape[-1])
    return _SynapticInput.apply(flat, weights, whole).reshape(*present.shape[:-1], len(weights))


class _SynapticInput(torch.autograd.Function):
    @staticmethod
    def forward(context, present: torch.Tensor, weights: torch.Tensor, whole: bool) -> torch.Tensor:
        context.save_for_backward(present, weights)
        if whole and present.device.type == "cpu":
            return torch._int_mm(present.to(torch.int8), weights.to(torch.int8).t()).float()
        kind = torch.float32 if whole else gradient_type(present.device.type)
        return (present.to(kind) @ weights.to(kind).t()).float()

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, None]:
        present, weights = context.saved_tensors
        kind = gradient_type(gradient.device.type)
        gradient = gradient.to(kind)
        to_present = (gradient @ weights.to(kind)).float() if context.needs_input_grad[0] else None
        return to_present, (gradient.t() @ present.to(kind)).float(), None


@functools.cache
def gradient_type(device: str) -> torch.dtype:
    """Return the type in which matrix products of the device (``"cpu"`` or ``"cuda"``) are fastest and good enough."""
    fast = device == "cpu" and torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else torch.float32
