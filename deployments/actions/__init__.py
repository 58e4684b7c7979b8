"""Verbs on what is served."""
