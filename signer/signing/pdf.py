"""A signed PDF: prepared in the sandbox, signed here, visible under its name only when whole."""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from signer.errors import N_, Invalid
from signer.signing import cms
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.sandbox import Sandbox, SandboxFailure, shared_sandbox

PREPARE_SECONDS = 60.0
"""A 100 MB document takes two seconds; what needs longer is hostile."""


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
    """A document with a gap for the CMS object; nothing in it may change any more.

    Belongs to this process: it holds a hash that is half way through the file.
    """

    path: Path
    document_digest: bytes
    gap_start: int
    gap_end: int
    field_name: str
    page: int
    size_bytes: int
    before_gap: "hashlib._Hash" = field(repr=False)
    after_gap: bytes = field(repr=False)


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
    """`work` is the document ready to be signed; no key is needed yet."""
    if not source.is_file():
        raise Invalid(N_("Không tìm thấy tệp PDF cần ký."))
    try:
        told = (sandbox or shared_sandbox()).call(
            "pdf_task:prepare",
            {
                "source": str(source.absolute()),
                "field_name": field_name,
                "page": page,
                "box": None if box is None else box.to_json(),
                "appearance": asdict(appearance),
                "at": at.isoformat(),
                "reason": reason,
                "reserved_bytes": template.size_bytes,
            },
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
    """`work` is `source` octet for octet, then the update; the digest leaves the gap out.

    The digest is made here, so the signature covers the very file that was handed in (R45),
    whatever the sandbox may have answered.
    """
    before_gap = hashlib.sha256()
    size_bytes = 0
    with source.open("rb") as original, work.open("wb") as file:
        while chunk := original.read(1 << 20):
            before_gap.update(chunk)
            file.write(chunk)
            size_bytes += len(chunk)
        file.write(update)
    start, end = int(told["start"]) - size_bytes, int(told["end"]) - size_bytes
    gap = b"<" + b"0" * (end - start - 2) + b">"
    if not 0 < start < end < len(update) or update[start:end] != gap:
        raise Invalid(_TOO_COMPLEX)  # a child that answers nonsense was taken over by the file
    before_gap.update(update[:start])
    digest = before_gap.copy()
    digest.update(update[end:])
    return PreparedPdf(
        path=work,
        document_digest=digest.digest(),
        gap_start=size_bytes + start,
        gap_end=size_bytes + end,
        field_name=str(told["field_name"]),
        page=int(told["page"]),
        size_bytes=size_bytes + len(update),
        before_gap=before_gap,
        after_gap=update[end:],
    )


def complete_pdf(
    prepared: PreparedPdf, output: Path, *, template: cms.CmsTemplate, key: cms.SigningKey
) -> SignedPdf:
    """The gap is filled and the file has its final name; one operation of the key was used."""
    try:
        signature = cms.sign(template, key, prepared.document_digest).hex().encode()
        room = prepared.gap_end - prepared.gap_start
        gap = b"<" + signature.ljust(room - 2, b"0") + b">"
        if len(gap) != room:
            raise AssertionError("the template knows the largest size")
        with prepared.path.open("r+b", buffering=0) as file:
            file.seek(prepared.gap_start)
            file.write(gap)
        prepared.path.replace(output)
    except BaseException:
        _remove(prepared.path)
        raise
    whole = prepared.before_gap.copy()
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
