"""What runs the steps and bootstrap actions of clusters: real processes, and the programs that EMR has on PATH."""
