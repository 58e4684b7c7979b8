"""Verbs on who is told: endpoints, their secrets, and what is sent again."""
