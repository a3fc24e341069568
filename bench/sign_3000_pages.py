"""One B-B on the last page of a document of 3,000 pages, against the raw RSA-2048 operation."""

import tempfile
from pathlib import Path
from typing import Any

import pikepdf
from _signing import PDF, measured

from signer.signing.levels import Level

PAGES = 3_000


def measure() -> dict[str, Any]:
    """Milliseconds of a signature and of the RSA operation between them."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.pdf"
        with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
            for _ in range(PAGES - 1):
                document.pages.append(document.pages[0])
            document.save(source)
        return measured("sign-3000-pages", Level.B_B, source, page=PAGES, blocks=4, rounds=8)
