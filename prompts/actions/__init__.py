"""Verbs on what exists: namespaces, prompts and versions."""
