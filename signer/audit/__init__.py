"""The audit room: hash-chained events, written in the transaction of the change they record."""

from signer.audit.events import Audit, Happening

__all__ = ["Audit", "Happening"]
