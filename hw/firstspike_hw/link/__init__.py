"""The link: from the host's bytes to the engine, and back."""
