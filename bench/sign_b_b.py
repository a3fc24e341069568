"""One PAdES B-B signature on a one-page document, against the raw RSA-2048 operation.

Whole path: the document is read and parsed in the sandbox, laid out, signed with a P-256 key in
process, checked, and written to a new file. The HSM is not part of it (see `issue-bulk`).
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.pdf import sign_pdf
from signer.signing.sandbox import Sandbox

BLOCKS, ROUNDS = 8, 40
"""The quietest block counts, for the signature and for the floor: other work on the machine slows
two processes that take turns more than one that only computes."""
DOCUMENT = Path(__file__).parent.parent / "tests" / "data" / "pdf" / "quyet_dinh.pdf"


def measure() -> dict[str, Any]:
    """Milliseconds of a signature and of the RSA operation between them, medians of a block."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate_der = _certificate(key, now)
    floor_key = rsa.generate_private_key(65537, 2048)
    sandbox = Sandbox(children=1)
    signatures: list[float] = []
    floors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:

        def sign(number: int) -> None:
            sign_pdf(
                DOCUMENT,
                Path(folder) / f"{number}.pdf",
                key=key,
                certificate_der=certificate_der,
                page=1,
                box=Box(x0=350, y0=200, x1=520, y1=256),
                appearance=AppearanceText(name="Trần Thị B", organisation="Sở Nội vụ"),
                at=now,
                sandbox=sandbox,
            )

        for number in range(20):
            sign(-1 - number)
        for number in range(BLOCKS * ROUNDS):
            signatures.append(_milliseconds(lambda number=number: sign(number)))
            floors.append(
                _milliseconds(
                    lambda: floor_key.sign(b"signer", padding.PKCS1v15(), hashes.SHA256())
                )
            )
    sandbox.close()
    value, floor = _quietest(signatures), _quietest(floors)
    return {
        "name": "sign-b-b",
        "value": round(value, 3),
        "unit": "ms",
        "floor": round(floor, 3),
        "ratio": round(value / floor, 2),
        "conditions": (
            f"{BLOCKS} blocks of {ROUNDS} one-page documents, quietest block, P-256 in software, "
            f"appearance drawn and document parsed in a sandboxed child, new file each "
            f"time; floor: raw RSA-2048 signature in the same loop; "
            f"median of all {statistics.median(signatures):.3f} ms"
        ),
    }


def _quietest(measured: list[float]) -> float:
    """The lowest of the blocks' medians."""
    return min(
        statistics.median(measured[start : start + ROUNDS])
        for start in range(0, len(measured), ROUNDS)
    )


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trần Thị B")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=1))
