"""Evaluations in the console: runs, test cases, harnesses."""
