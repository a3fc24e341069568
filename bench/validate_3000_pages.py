"""The verdict on a B-LTA of 3,000 pages, our revision known, against pyHanko's own validation.

The floor does what a validator must that knows nothing of the document: pyHanko's difference
analysis after the signature. Both have to call the signature good.
"""

import asyncio
import hashlib
import statistics
import tempfile
from pathlib import Path
from typing import Any

import pikepdf
from _signing import PDF, Signer, milliseconds
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from signer.signing.levels import Level
from signer.signing.validation import VerdictClass, validate
from tests.signing.reference import roots

PAGES, ROUNDS, FLOOR_ROUNDS = 3_000, 15, 3


def measure() -> dict[str, Any]:
    """Milliseconds of a whole `validate`, and of pyHanko's validation of the one signature."""
    signer = Signer.ready()
    authority = signer.lasting.authority
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "in.pdf", Path(folder) / "signed.pdf"
        with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
            for _ in range(PAGES - 1):
                document.pages.append(document.pages[0])
            document.save(source)
        made = signer.sign(source, path, Level.B_LTA)
        pair = (hashlib.sha256(source.read_bytes()).hexdigest(), made.sha256)
        at = signer.lasting.clock.now()
        lists = [authority.crl(at=at)]

        def ours() -> None:
            found = validate(
                path, trust_roots=[authority.root.der], intermediates=[authority.issuing.der],
                crls=lists, at=at, known=lambda _: [pair], sandbox=signer.sandbox,
            )  # fmt: skip
            if found.verdict is not VerdictClass.VALID:
                raise AssertionError(found.signatures)

        def theirs() -> None:
            with path.open("rb") as file:
                (embedded,) = PdfFileReader(file, strict=False).embedded_regular_signatures
                context = ValidationContext(
                    trust_roots=roots(authority.root.der),
                    other_certs=roots(authority.issuing.der),
                    allow_fetching=False, moment=at,
                )  # fmt: skip
                status = asyncio.run(
                    async_validate_pdf_signature(embedded, signer_validation_context=context)
                )
            if not status.bottom_line:
                raise AssertionError(status.summary())

        ours()
        value = statistics.median(milliseconds(ours) for _ in range(ROUNDS))
        floor = statistics.median(milliseconds(theirs) for _ in range(FLOOR_ROUNDS))
    signer.sandbox.close()
    return {
        "name": "validate-3000-pages",
        "value": round(value, 1),
        "unit": "ms",
        "floor": round(floor, 1),
        "ratio": round(value / floor, 3),
        "conditions": (
            f"{PAGES} pages, B-LTA, median of {ROUNDS} in a warm sandboxed child, file hashed and "
            f"our revision recognised; floor: pyHanko's validation with difference analysis in "
            f"process, median of {FLOOR_ROUNDS}; both say valid"
        ),
    }


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=1))
