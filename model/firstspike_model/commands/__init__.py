"""The sub-commands of this package."""
