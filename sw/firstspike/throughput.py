"""How fast a device is, with its link and without it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Throughput:
    """What a throughput test found.

    Attributes
    ----------
    images : int
    seconds : float
        By the host's clock, from encoding the first image to the last result.
    counters : dict
        What the device counted during the test; empty for a device without counters.
    clock_hz, baud : int or None
        The device's clock rate and its link's baud rate, if it has them.
    link_bytes : tuple of int
        Bytes sent to the device, and bytes received.
    """

    images: int
    seconds: float
    counters: dict[str, int]
    clock_hz: int | None = None
    baud: int | None = None
    link_bytes: tuple[int, int] = (0, 0)

    @property
    def images_per_second(self) -> float:
        """End to end, by the host's clock."""
        return self.images / self.seconds

    @property
    def device_seconds(self) -> float | None:
        """The same time by the device's clock, which is right for a simulated device too."""
        cycles = self.counters.get("cycles")
        return cycles / self.clock_hz if cycles and self.clock_hz else None

    @property
    def busy_cycles_per_image(self) -> float | None:
        """Cycles per image in which the engine was at work. They give its rate without a link."""
        return self.counters["busy_cycles"] / self.images if self.counters else None

    @property
    def link_busy(self) -> float | None:
        """Share of the time in which the busier direction of the link carried a byte, of ten bits each."""
        seconds = self.device_seconds
        return 10 * max(self.link_bytes) / self.baud / seconds if self.baud and seconds else None

    def summary(self) -> dict[str, Any]:
        """Return the figures, ready for JSON; ``None`` for those that the device does not give."""
        device_seconds, cycles = self.device_seconds, self.busy_cycles_per_image
        return {
            "images": self.images,
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
            "device_seconds": device_seconds,
            "images_per_device_second": self.images / device_seconds if device_seconds else None,
            "link_busy": self.link_busy,
            "busy_cycles_per_image": cycles,
            "logic_only_images_per_second": self.clock_hz / cycles if self.clock_hz and cycles else None,
            "clock_hz": self.clock_hz,
            "counters": self.counters,
        }
