"""Doors of the registry surface on what exists."""
