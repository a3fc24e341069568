"""A signed PDF: prepared in the sandbox, signed here, visible under its name only when whole."""

import contextlib
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from signer.errors import N_, Invalid, Unavailable
from signer.signing import cms
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.sandbox import Sandbox, SandboxFailure, shared_sandbox

PREPARE_SECONDS = 60.0
"""A 100 MB document takes two seconds; what needs longer is hostile."""


IN_MEMORY_BYTES = 16 * 1024 * 1024
"""Larger documents are copied on disk instead of being held in memory."""

_TOO_COMPLEX = N_("Tài liệu PDF quá phức tạp hoặc bị lỗi nên không ký được. Hãy xuất lại tệp PDF.")


@dataclass(frozen=True, kw_only=True)
class SignedPdf:
    """What was written."""

    sha256: str
    """Of the whole signed file, in hex."""
    size_bytes: int
    field_name: str
    """The field that holds the signature; differs from the wanted name when that was taken."""
    page: int


@dataclass(frozen=True, kw_only=True)
class PreparedPdf:
    """A document and the update it will get, with a gap for the CMS object.

    Belongs to this process: it holds a hash that is half way through the file.
    """

    document: bytes | Path
    """The document itself, or its copy on disk when it is a large one."""
    document_digest: bytes
    before_gap: bytes = field(repr=False)
    """The update up to the gap; `after_gap` is the rest of it."""
    after_gap: bytes = field(repr=False)
    gap_bytes: int
    hashed: "hashlib._Hash" = field(repr=False)
    """SHA-256 of the document and `before_gap`."""
    size_bytes: int
    field_name: str
    page: int


def sign_pdf(
    source: Path,
    output: Path,
    *,
    key: cms.SigningKey,
    certificate_der: bytes,
    chain_der: Sequence[bytes] = (),
    field_name: str | None = None,
    page: int = 1,
    box: Box | None = None,
    appearance: AppearanceText,
    at: datetime,
    reason: str | None = None,
    rsa_scheme: cms.RsaScheme = cms.RsaScheme.PSS,
    sandbox: Sandbox | None = None,
) -> SignedPdf:
    """`output` is `source` plus one visible PAdES B-B signature; earlier ones stay valid.

    An existing empty signature field called `field_name` is used where it stands, with its own
    page and box; otherwise a new field is made on `page` (from 1) at `box` (displayed points).
    The key is used only at the very end, for one operation: lease it as late as you can with
    `prepare_pdf` and `complete_pdf`. `Invalid` when the document, box, text or certificate does
    not allow it, and then there is no `output`.
    """
    template = cms.template_of(certificate_der, tuple(chain_der), rsa_scheme)
    cms.check_may_sign(template.certificate, at)
    prepared = prepare_pdf(
        source,
        output.with_name(output.name + ".part"),
        template=template,
        field_name=field_name,
        page=page,
        box=box,
        appearance=appearance,
        at=at,
        reason=reason,
        sandbox=sandbox,
    )
    return complete_pdf(prepared, output, template=template, key=key)


def prepare_pdf(
    source: Path,
    work: Path,
    *,
    template: cms.CmsTemplate,
    field_name: str | None,
    page: int,
    box: Box | None,
    appearance: AppearanceText,
    at: datetime,
    reason: str | None = None,
    sandbox: Sandbox | None = None,
) -> PreparedPdf:
    """All that can be done without the key is done; `source` may go away now.

    `work` is where a document of more than `IN_MEMORY_BYTES` is copied to, on the disk of the
    final output; smaller ones stay in memory. Errors as `sign_pdf`.
    """
    if not source.is_file():
        raise Invalid(N_("Không tìm thấy tệp PDF cần ký."))
    look, images = appearance.to_message()
    try:
        told = (sandbox or shared_sandbox()).call(
            "pdf_task:prepare",
            {
                "source": str(source.absolute()),
                "field_name": field_name,
                "page": page,
                "box": None if box is None else box.to_json(),
                "appearance": look,
                "at": at.isoformat(),
                "reason": reason,
                "reserved_bytes": template.size_bytes,
            },
            images,
            seconds=PREPARE_SECONDS,
        )
    except SandboxFailure as failure:
        raise Invalid(_TOO_COMPLEX) from failure
    try:
        return _appended(source, work, told.value, told.blobs[0])
    except BaseException:
        _remove(work)
        raise


def _appended(source: Path, work: Path, told: Mapping[str, Any], update: bytes) -> PreparedPdf:
    """The update after the document, octet for octet; the digest leaves the gap out.

    The digest is made here, so the signature covers the very file that was handed in (R45),
    whatever the sandbox may have answered.
    """
    hashed = hashlib.sha256()
    document: bytes | Path = work
    if source.stat().st_size <= IN_MEMORY_BYTES:
        document = source.read_bytes()
        hashed.update(document)
        size_bytes = len(document)
    else:
        shutil.copyfile(source, work)
        with work.open("rb") as file:
            while chunk := file.read(1 << 20):
                hashed.update(chunk)
            size_bytes = file.tell()
    start, end = int(told["start"]) - size_bytes, int(told["end"]) - size_bytes
    ranges = b"[0 %d %d %d]" % (size_bytes + start, size_bytes + end, len(update) - end)
    is_sound = (
        0 < start < end < len(update)
        and update[start:end] == b"<" + b"0" * (end - start - 2) + b">"
        and ranges in update
    )
    if not is_sound:  # a child that answers nonsense was taken over by the file
        raise Invalid(_TOO_COMPLEX)
    hashed.update(update[:start])
    digest = hashed.copy()
    digest.update(update[end:])
    return PreparedPdf(
        document=document,
        document_digest=digest.digest(),
        before_gap=update[:start],
        after_gap=update[end:],
        gap_bytes=end - start,
        hashed=hashed,
        size_bytes=size_bytes + len(update),
        field_name=str(told["field_name"]),
        page=int(told["page"]),
    )


def complete_pdf(
    prepared: PreparedPdf, output: Path, *, template: cms.CmsTemplate, key: cms.SigningKey
) -> SignedPdf:
    """The gap is filled and the file has its final name; one operation of the key was used."""
    document = prepared.document
    work = document if isinstance(document, Path) else output.with_name(output.name + ".part")
    try:
        signature = cms.sign(template, key, prepared.document_digest).hex().encode()
        gap = b"<" + signature.ljust(prepared.gap_bytes - 2, b"0") + b">"
        if len(gap) != prepared.gap_bytes:
            raise AssertionError("the template knows the largest size")
        update = b"".join((prepared.before_gap, gap, prepared.after_gap))
        with work.open("ab" if isinstance(document, Path) else "wb", buffering=0) as file:
            if isinstance(document, bytes):
                update = document + update
            if file.write(update) != len(update):
                raise Unavailable(N_("Không đủ chỗ trên đĩa để ghi tài liệu đã ký."))
        work.replace(output)
    except BaseException:
        _remove(work)
        raise
    whole = prepared.hashed.copy()
    whole.update(gap)
    whole.update(prepared.after_gap)
    return SignedPdf(
        sha256=whole.hexdigest(),
        size_bytes=prepared.size_bytes,
        field_name=prepared.field_name,
        page=prepared.page,
    )


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
