"""A signed PDF: prepared in the sandbox, signed here, visible under its name only when whole."""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from signer.errors import N_, Invalid
from signer.signing import cms
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.sandbox import Sandbox, SandboxFailure, shared_sandbox

PREPARE_SECONDS = 60.0
"""A 100 MB document takes two seconds; what needs longer is hostile."""


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
    """A document with a gap for `reserved_bytes` of CMS; nothing in it may change any more."""

    path: Path
    document_digest: bytes
    gap_start: int
    gap_end: int
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
    """`work` is the document ready to be signed; no key is needed yet."""
    if not source.is_file():
        raise Invalid(N_("Không tìm thấy tệp PDF cần ký."))
    try:
        told = (sandbox or shared_sandbox()).call(
            "pdf_task:prepare",
            {
                "source": str(source.absolute()),
                "output": str(work.absolute()),
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
        _remove(work)
        raise Invalid(
            N_("Tài liệu PDF quá phức tạp hoặc bị lỗi nên không ký được. Hãy xuất lại tệp PDF.")
        ) from failure
    except BaseException:
        _remove(work)
        raise
    value = told.value
    return PreparedPdf(
        path=work,
        document_digest=bytes.fromhex(value["digest"]),
        gap_start=int(value["start"]),
        gap_end=int(value["end"]),
        field_name=str(value["field_name"]),
        page=int(value["page"]),
    )


def complete_pdf(
    prepared: PreparedPdf, output: Path, *, template: cms.CmsTemplate, key: cms.SigningKey
) -> SignedPdf:
    """The gap is filled and the file has its final name; one operation of the key was used."""
    try:
        signature = cms.sign(template, key, prepared.document_digest).hex().encode()
        room = prepared.gap_end - prepared.gap_start - 2  # < and >
        if len(signature) > room:
            raise AssertionError("the template knows the largest size")
        with prepared.path.open("r+b") as file:
            file.seek(prepared.gap_start + 1)
            file.write(signature)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.seek(0, os.SEEK_END)
        prepared.path.replace(output)
    except BaseException:
        _remove(prepared.path)
        raise
    return SignedPdf(
        sha256=digest,
        size_bytes=size_bytes,
        field_name=prepared.field_name,
        page=prepared.page,
    )


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
