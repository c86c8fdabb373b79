"""Whole workflows: from a recipe, or many, to networks with their provenance."""
