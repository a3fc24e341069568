"""The HTML door: pages rendered here, in Vietnamese first, usable by keyboard and without script."""

from signer.web.door import register

__all__ = ["register"]
