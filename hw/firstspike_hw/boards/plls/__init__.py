"""Clock generators, one for each family of FPGAs."""
