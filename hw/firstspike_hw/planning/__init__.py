"""``firstspike plan``: says before synthesis whether an engine fits a device, and what it will do there."""
