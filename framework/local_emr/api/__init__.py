"""The API of EMR: one endpoint on loopback that keeps clusters and their steps, beside moto's other services."""
