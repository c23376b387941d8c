"""Lakegate: PySpark jobs on Delta Lake.

This package is empty on purpose: importing it loads neither Spark nor boto3. The doors are `framework.pipeline`,
`framework.sources`, `framework.tables`, `framework.quality` and `framework.errors`.
"""
