"""How long a signature can be checked: the baseline levels of ETSI EN 319 142-1, clause 6."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Level(StrEnum):
    """Each level holds what the one before it has, and more."""

    B_B = "b-b"
    """The signature with its certificate."""
    B_T = "b-t"
    """A time stamp over the signature proves when it was there at the latest."""
    B_LT = "b-lt"
    """Certificates and answers about them are in the document (DSS)."""
    B_LTA = "b-lta"
    """A document time stamp protects all of it; it can be renewed for as long as needed."""

    @property
    def has_stamp(self) -> bool:
        """The signature value is time-stamped."""
        return self is not Level.B_B

    @property
    def has_material(self) -> bool:
        """The document holds what its signatures are validated with."""
        return self in (Level.B_LT, Level.B_LTA)

    def laid_out_with(self, material: "Material | None") -> "Level":
        """What a file is laid out for: without material only room for a stamp, if it wants one."""
        return Level.B_T if self.has_material and material is None else self


class Stamper(Protocol):
    """Makes time-stamp tokens (RFC 3161): our own authority in the process, or one outside."""

    @property
    def token_bytes(self) -> int:
        """No token is longer."""

    def token(self, digest: bytes, hash_name: str) -> bytes:
        """The DER TimeStampToken over the digest; `Unavailable` when there is none to be had."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a signature will be validated with in years to come."""

    certificates: tuple[bytes, ...]
    """DER: the signer's, the authorities' up to and including the root, the TSA's, responders'."""
    crls: tuple[bytes, ...]
    """DER; the root's list about the issuing authority."""
    answer_sizes: tuple[int, ...]
    """No OCSP answer of `answers` is longer, each at its place; in octets."""
    answers: Callable[[datetime], tuple[bytes, ...]]
    """The DER OCSPResponses about signer and TSA, their thisUpdate not before that moment."""
