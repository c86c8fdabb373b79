"""Calibration: the choice of thresholds for a trained network, on images that its training held back."""
