"""Bundles: what a job needs on a cluster, built for its Python, glibc and CPU."""
