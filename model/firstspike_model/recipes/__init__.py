"""Recipes, those that come with the package, and sweeps over their settings."""
