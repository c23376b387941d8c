"""An EMR on this machine, for trying and testing: real YARN, EMR's API, steps that run.

All of it listens on loopback only. It imports no Spark: it finds Spark's jars and starts processes.
"""

__all__: list[str] = []
