"""The HTML door: pages rendered on the server, Vietnamese first, usable without script."""

from signer.web.door import register

__all__ = ["register"]
