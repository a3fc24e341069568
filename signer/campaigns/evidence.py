"""Which files bear out a score: PDF, pictures and office documents, known by their bytes. Pure."""

import zipfile
from io import BytesIO

from signer.errors import N_, Invalid

EVIDENCE_BYTES = 20 * 1024 * 1024
"""A scan of twenty pages at 300 dpi."""
_ENTRIES = 5000
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OFFICE_TYPES = {
    "word/document.xml": _OFFICE + "wordprocessingml.document",
    "xl/workbook.xml": _OFFICE + "spreadsheetml.sheet",
}
_MAGIC = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}


def media_type_of(name: str, content: bytes) -> str:
    """The media type of a file that is taken; `Invalid` for any other, whatever it is called.

    Office documents with macros are refused. The name only stands in the sentence.
    """
    if len(content) > EVIDENCE_BYTES:
        raise Invalid(
            N_("Tệp “%(name)s” lớn hơn %(limit)s MB, là mức tối đa được nhận."),
            field="file",
            name=name,
            limit=EVIDENCE_BYTES // 1024 // 1024,
        )
    for start, media_type in _MAGIC.items():
        if content.startswith(start):
            return media_type
    for part in _parts(content):
        if part in _OFFICE_TYPES:
            return _OFFICE_TYPES[part]
    raise Invalid(
        N_("Tệp “%(name)s” không được nhận: chỉ nhận PDF, PNG, JPEG, DOCX và XLSX không có macro."),
        field="file",
        name=name,
    )


def _parts(content: bytes) -> list[str]:
    """The entries of an office document; none when it is no archive, is huge, or has macros."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return []
    if len(names) > _ENTRIES or any("vbaproject" in name.lower() for name in names):
        return []
    return names
