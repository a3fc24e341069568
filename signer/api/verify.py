"""The public check of any PDF, of documents signed here by their hash, and receipts for them."""

from io import BytesIO
from typing import Any

from flask import Response, send_file
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import File, Operations, Schema
from signer.api.wording import say
from signer.doors import PUBLIC, saved
from signer.dossiers.receipts import MEDIA_TYPE
from signer.errors import N_, NotFound
from signer.services import services
from signer.signing.validation import Verdict
from signer.signing.verdict_report import etsi_report

verify = Operations("verify", "Checking the signatures of any PDF, open to everybody")

_REPORT = {"description": "With the XML report of ETSI TS 119 102-2 in `report`"}


class VerifyForm(Schema):
    """The PDF to check; it is not kept."""

    file = File(required=True)
    report = fields.Boolean(load_default=False, metadata=_REPORT)


class HashQuery(Schema):
    """What else is wanted."""

    report = fields.Boolean(load_default=False, metadata=_REPORT)


class SignatureAnswer(Schema):
    """One signature or document time stamp: who, when, and what was found."""

    kind = fields.String(required=True, metadata={"description": "signature or timestamp"})
    verdict = fields.String(required=True)
    sentence = fields.String(required=True)
    field = fields.String(required=True)
    signer = fields.String(required=True)
    unit = fields.String(required=True)
    organisation = fields.String(required=True)
    email = fields.String(required=True)
    issuer = fields.String(required=True)
    serial = fields.String(required=True)
    certificate_sha256 = fields.String(required=True)
    signed_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    time_source = fields.String(required=True)
    integrity = fields.String(required=True)
    coverage_after = fields.String(required=True)
    changes = fields.List(
        fields.String(), required=True, metadata={"description": "What was added afterwards"}
    )
    path = fields.String(required=True)
    revocation = fields.String(required=True)
    revoked_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    level = fields.String(required=True, metadata={"description": "B-B to B-LTA (EN 319 142-1)"})
    stamped_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    stamp_authority = fields.String(required=True)
    certified = fields.Boolean(required=True)
    ades_indication = fields.String(
        required=True, metadata={"description": "As in EN 319 102-1, such as TOTAL-PASSED"}
    )
    ades_subindication = fields.String(required=True)
    signed_digest = fields.String(
        required=True, metadata={"description": "Of what the signature is over: sha256:…"}
    )
    sentences = fields.List(fields.String(), required=True)


class VerdictAnswer(Schema):
    """valid, invalid, indeterminate or unsigned; the document is as good as its worst signature."""

    verdict = fields.String(required=True)
    sentence = fields.String(required=True)
    checked_at = fields.String(required=True, metadata={"format": "date-time"})
    sha256 = fields.String(required=True)
    pages = fields.Integer(required=True)
    signatures = fields.List(fields.Nested(SignatureAnswer), required=True)
    report = fields.String(metadata={"description": "XML, when it was asked for"})


@verify.post("/verify", PUBLIC, upload=VerifyForm, answer=VerdictAnswer())
def verify_pdf(file: FileStorage, report: bool) -> dict[str, Any]:
    """Check every signature of a PDF."""
    with saved([file], "file") as [(_, path)]:
        return _in_words(services().signing.verify(path), report)


@verify.get("/verify/<sha256>", PUBLIC, query=HashQuery, answer=VerdictAnswer())
def verify_hash(sha256: str, report: bool) -> dict[str, Any]:
    """The present verdict on a document that was signed here, by the SHA-256 of its file."""
    verdict = services().receipts.verdict_of(sha256.lower())
    if verdict is None:
        raise NotFound(N_("Hệ thống này không ký tài liệu nào có mã băm ấy."))
    return _in_words(verdict, report)


@verify.get("/documents/<id:document_id>/receipt", Permission.DOSSIER_VIEW, content_type=MEDIA_TYPE)
def receipt(document_id: int) -> Response:
    """The receipt of a finished document: an ASiC-S file, time-stamped by this system."""
    made = services().receipts.receipt_of(actor(), document_id)
    return send_file(
        BytesIO(made.content), MEDIA_TYPE, as_attachment=True, download_name=made.file_name
    )


def _in_words(verdict: Verdict, with_report: bool) -> dict[str, Any]:
    """The verdict as JSON with its sentences in the caller's language."""
    found = _said(verdict.to_json())
    found["signatures"] = [_said(signature) for signature in found["signatures"]]
    return found | ({"report": etsi_report(verdict).decode()} if with_report else {})


def _said(part: dict[str, Any]) -> dict[str, Any]:
    said = {**part, "sentence": say(part["sentence"])}
    for several in ("sentences", "changes"):
        if several in part:
            said[several] = [say(sentence) for sentence in part[several]]
    return said
