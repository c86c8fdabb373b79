"""Memories, and what they are made of in each family of FPGAs."""
