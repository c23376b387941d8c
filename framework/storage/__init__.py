"""Storage: small files read and written whole, and folders listed, wherever they are."""

from framework.storage.storage import Storage, needs_spark, storage

__all__ = ["Storage", "needs_spark", "storage"]
