"""What all commands share: the console, and how options are written."""
