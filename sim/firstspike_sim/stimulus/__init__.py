"""What the benches are given: networks, stimulus and expected values."""
