"""What all rooms rest on: checks, errors, files, text and arrays from outside, and words of bit fields."""
