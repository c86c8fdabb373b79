"""The link: from bytes to the engine and back."""
