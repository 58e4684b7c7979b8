"""Doors to evaluations."""
