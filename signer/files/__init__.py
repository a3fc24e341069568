"""The files room: documents by their hash, on disk or in an S3-compatible store."""

from signer.files.store import Files, sha256_of

__all__ = ["Files", "sha256_of"]
