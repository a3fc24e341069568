"""The verdict on thirty signatures of thirty officials in one file, against raw RSA-2048.

Once with our revisions known, as the service knows them; the conditions say what it takes to
judge the same file as a stranger's, and each one's first verdict in a fresh child.
"""

import hashlib
import statistics
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from _signing import PDF, Signer, milliseconds
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from signer.signing.levels import Level
from signer.signing.validation import VerdictClass, validate

SIGNATURES, ROUNDS = 30, 15


def measure() -> dict[str, Any]:
    """Milliseconds of a whole `validate`."""
    signer = Signer.ready()
    lasting = signer.lasting
    floor_key = rsa.generate_private_key(65537, 2048)
    pairs: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = PDF / "quyet_dinh.pdf"
        for number in range(SIGNATURES):
            signer.person = lasting.certified(f"Người ký {number}", days=(-300, 700))
            out = Path(folder) / f"{number}.pdf"
            before = hashlib.sha256(path.read_bytes()).hexdigest()
            pairs.append((before, signer.sign(path, out, Level.B_LT).sha256))
            path = out
        at = lasting.clock.now() + timedelta(seconds=1)
        lists = [lasting.authority.crl(at=at)]

        def judge(known: list[tuple[str, str]]) -> None:
            found = validate(
                path, trust_roots=[lasting.authority.root.der],
                intermediates=[lasting.authority.issuing.der],
                crls=lists, at=at, known=lambda _: known, sandbox=signer.sandbox,
            )  # fmt: skip
            good = [one.verdict for one in found.signatures]
            if good != [VerdictClass.VALID] * SIGNATURES:
                raise AssertionError(found.signatures)

        signer.sandbox.close()
        signer.sandbox.warm()
        first = milliseconds(lambda: judge(pairs))
        value = statistics.median(milliseconds(lambda: judge(pairs)) for _ in range(ROUNDS))
        stranger = statistics.median(milliseconds(lambda: judge([])) for _ in range(3))
        floor = statistics.median(
            milliseconds(lambda: floor_key.sign(b"signer", padding.PKCS1v15(), hashes.SHA256()))
            for _ in range(200)
        )
    signer.sandbox.close()
    return {
        "name": "validate-30-signatures",
        "value": round(value, 1),
        "unit": "ms",
        "floor": round(floor, 3),
        "ratio": round(value / floor, 1),
        "conditions": (
            f"{SIGNATURES} B-LT signatures of as many officials, all valid, median of {ROUNDS} in "
            f"a warm child; first verdict of a fresh child {first:.0f} ms; nothing known, every "
            f"revision analysed: {stranger:.0f} ms; floor: raw RSA-2048 in the same run"
        ),
    }


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=1))
