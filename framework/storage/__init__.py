"""Storage: small files read and written whole, and folders listed, wherever they are."""

from framework.storage.storage import Storage, storage

__all__ = ["Storage", "storage"]
