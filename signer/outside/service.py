"""`Outside`: certificates of other authorities, brought in, matched to people, and followed."""

from signer.outside.counting import CountedCertificate, counting

__all__ = ["CountedCertificate", "counting"]
