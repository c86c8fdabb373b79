"""Shared by all rooms: checks, errors, files, text and arrays from outside, and words of bit fields."""
