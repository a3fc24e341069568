"""Which algorithms a time stamp rests on, and until when those prove anything."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from signer.clock import HANOI

IMPRINT = "sha256"
"""What all our archive stamps are over (RFC 3161, messageImprint)."""
_CURVES = {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}


def algorithms_of(chain: Sequence[x509.Certificate]) -> frozenset[str]:
    """The names of what a stamp by the first of these certificates rests on: "sha256", "p256",
    "rsa3072"; of a root only its key, for it is trusted and not proved."""
    found = {IMPRINT}
    for certificate in chain:
        key = certificate.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            found.add(_CURVES.get(key.curve.name, key.curve.name))
        elif isinstance(key, rsa.RSAPublicKey):
            found.add(f"rsa{key.key_size}")
        hashed = certificate.signature_hash_algorithm
        if hashed is not None and certificate.issuer != certificate.subject:
            found.add(hashed.name)
    return frozenset(found)


def earliest_end(
    chain: Sequence[x509.Certificate], days: Mapping[str, date]
) -> tuple[datetime, str | None]:
    """When a stamp by the first of these stops proving anything, and the algorithm that ends then;
    None when it is the certificate. Days count in Hanoi, to their end."""
    ends: list[tuple[datetime, str | None]] = [(chain[0].not_valid_after_utc, None)]
    for name in algorithms_of(chain) & days.keys():
        over = datetime.combine(days[name] + timedelta(days=1), time(), HANOI)
        ends.append((over.astimezone(UTC), name))
    return min(ends, key=lambda end: end[0])
