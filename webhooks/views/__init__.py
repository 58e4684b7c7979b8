"""Doors to webhooks."""
