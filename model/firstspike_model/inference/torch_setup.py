"""Settings of PyTorch for fast and repeatable computation."""

import ctypes

import torch

#: Of glibc's ``mallopt`` (its malloc.h).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def prepare_torch() -> None:
    """Set PyTorch up so that a training is fast and repeatable."""
    torch.set_num_threads(1)  # repeatable; and two threads on two busy cores are many times slower than one
    torch.set_flush_denormal(True)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Make glibc, if there is one, reuse freed memory.

    By default it returns large blocks to the system at once, and the system must clear the pages of each new tensor. That
    takes a third of the time that training spends on the spikes of maps.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for parameter, size in ((M_MMAP_THRESHOLD, 1 << 30), (M_TRIM_THRESHOLD, (1 << 31) - 1), (M_TOP_PAD, 1 << 26)):
        mallopt(parameter, size)


def choose_device(name: str = "auto") -> str:
    """Return the device to compute on: for ``"auto"``, ``"cuda"`` if there is a GPU, else ``"cpu"``; else the name itself."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
