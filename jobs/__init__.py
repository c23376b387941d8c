"""The example jobs: one file each, models and tables at the top, transforms in the middle, `job = Job(...)` last."""
