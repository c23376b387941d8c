"""Clusters: what is asked for, what is unsafe or costly about it, and their life."""
