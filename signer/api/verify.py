"""The public check of any PDF."""

from typing import Any

from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.api.operations import File, Operations, Schema
from signer.api.wording import say
from signer.doors import PUBLIC, saved
from signer.services import services
from signer.signing.validation import Verdict

verify = Operations("verify", "Checking the signatures of any PDF, open to everybody")


class VerifyForm(Schema):
    """The PDF to check; it is not kept."""

    file = File(required=True)


class SignatureAnswer(Schema):
    """One signature: who, when, and what was found."""

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
    path = fields.String(required=True)
    revocation = fields.String(required=True)
    revoked_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    sentences = fields.List(fields.String(), required=True)


class VerdictAnswer(Schema):
    """valid, invalid, indeterminate or unsigned; the document is as good as its worst signature."""

    verdict = fields.String(required=True)
    sentence = fields.String(required=True)
    checked_at = fields.String(required=True, metadata={"format": "date-time"})
    signatures = fields.List(fields.Nested(SignatureAnswer), required=True)


@verify.post("/verify", PUBLIC, upload=VerifyForm, answer=VerdictAnswer())
def verify_pdf(file: FileStorage) -> dict[str, Any]:
    """Check every signature of a PDF."""
    with saved([file], "file") as [(_, path)]:
        return _in_words(services().signing.verify(path))


def _in_words(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON with its sentences in the caller's language."""
    found = _said(verdict.to_json())
    found["signatures"] = [_said(signature) for signature in found["signatures"]]
    return found


def _said(part: dict[str, Any]) -> dict[str, Any]:
    said = {**part, "sentence": say(part["sentence"])}
    if "sentences" in part:
        said["sentences"] = [say(sentence) for sentence in part["sentences"]]
    return said
