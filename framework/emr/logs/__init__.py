"""Logs of steps and clusters: where they are, and what they say about a failure."""
