"""Releases of Amazon EMR: what each brings along, until when it is supported, and whether a job fits it."""
