"""A lane of the processor, and its parts."""
