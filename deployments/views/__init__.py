"""Doors on what is served."""
