"""What all commands share: their options, the console and its tables."""
