"""What a deliberate fault is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault.

    Parameters
    ----------
    name : str
        What is wrong.
    file : str
    right, wrong : str
        What stands there, exactly once, and what stands there instead.
    tests : tuple of str
        Arguments for pytest, the tests that are run.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]
