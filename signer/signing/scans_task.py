"""In the sandbox: what a paper was scanned with, page by page."""

from typing import Any

import pikepdf
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

SCANNED = 0.8
"""Share of a page under images from which the page is a scan, and no page with a picture."""
COUNTED = 0.05
"""Smaller images are logos or dust."""
COLOUR_BITS = 24


def measure(path: str) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    """The version of the file, and of each scanned page its number, dots an inch and bits a dot.

    A page of several strips is as coarse as the coarsest.
    """
    with pikepdf.open(path) as file:
        major, _, minor = file.pdf_version.partition(".")
    pages = []
    document = pdfium.PdfDocument(path)
    try:
        for index in range(len(document)):
            page = document[index]
            found = _images_of(page)
            if sum(share for share, _, _ in found) >= SCANNED:
                dpi, bits = min(d for _, d, _ in found), min(b for _, _, b in found)
                pages.append({"page": index + 1, "dpi": dpi, "bits": bits})
            page.close()
    finally:
        document.close()
    return {"version": [int(major), int(minor)], "pages": pages}, ()


def _images_of(page: pdfium.PdfPage) -> list[tuple[float, float, int]]:
    """(share of the page, dots an inch, bits a dot) of every image that counts."""
    area = page.get_width() * page.get_height()
    found = []
    for image in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = image.get_bounds()
        wide, high = right - left, top - bottom
        share = wide * high / area
        if share < COUNTED:
            continue
        facts = image.get_metadata()
        dpi = min(facts.width / wide, facts.height / high) * 72
        found.append((share, round(dpi, 1), int(facts.bits_per_pixel)))
    return found
