from tests.s3.server import bucket, server

__all__ = ["bucket", "server"]
