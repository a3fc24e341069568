"""The public check: anybody's PDF, one sentence with a colour, then the details."""

import re
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from typing import Any, TypeVar, get_type_hints

from flask import current_app, render_template, request, send_file
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeTimedSerializer

from signer.accounts import Permission
from signer.doors import PUBLIC
from signer.dossiers.receipts import MEDIA_TYPE
from signer.errors import N_, Invalid
from signer.reports.verdict_paper import verdict_paper
from signer.services import services
from signer.signing import verdict_report
from signer.signing.validation import SignatureVerdict, Verdict
from signer.signing.verdict_words import MEANINGS, facts_of, heading_of
from signer.web.access import actor
from signer.web.formats import language, say
from signer.web.forms import FormError
from signer.web.pages import Pages
from signer.web.uploads import uploaded_pdfs

blueprint = Pages("verify", __name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT_SECONDS = 24 * 3600
_Told = TypeVar("_Told", Verdict, SignatureVerdict)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was checked: a file that somebody sent, or one that is in the store by its hash."""

    file_name: str
    size_bytes: int | None
    sha256: str


@blueprint.page("/verify", PUBLIC)
def verify_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form; nobody needs to log in to check a document.

    With `sha256`, as on a printed report, the present verdict on a document that was signed here.
    """
    sha256 = request.args.get("sha256", "").strip().lower()
    if not sha256 or errors:
        return render_template("verify/index.html", errors=errors, unknown="")
    found = services().receipts.verdict_of(sha256) if _SHA256.fullmatch(sha256) else None
    if found is None:
        return render_template("verify/index.html", errors=(), unknown=sha256[:64]), 404
    return _shown(found, Checked(file_name="", size_bytes=None, sha256=sha256))


@blueprint.form("/verify", PUBLIC, again=verify_page)
def verify() -> ResponseReturnValue:
    """The verdict on the uploaded file; the file itself is not kept."""
    with uploaded_pdfs("document") as (upload, *_others):
        verdict = services().signing.verify(upload.path)
        about = Checked(file_name=upload.name, size_bytes=upload.size_bytes, sha256=upload.sha256)
        return _shown(verdict, about)


@blueprint.form("/verify/report", PUBLIC, again=verify_page)
def report() -> ResponseReturnValue:
    """The verdict that a page has just shown, as a paper to print or as ETSI's XML."""
    verdict, file_name = _kept(request.form.get("verdict", ""))
    if request.form.get("format") == "xml":
        content, kind = verdict_report.etsi_report(verdict), verdict_report.MEDIA_TYPE
    else:
        content, kind = (
            verdict_paper(
                verdict,
                say=say,
                language=language(),
                file_name=file_name,
                settings=services().settings,
            ),
            "application/pdf",
        )
    name = f"ket-qua-kiem-tra-{verdict.sha256[:12]}.{kind.rpartition('/')[2]}"
    return send_file(BytesIO(content), kind, as_attachment=True, download_name=name)


@blueprint.page("/documents/<int:document_id>/receipt/file", Permission.DOSSIER_VIEW)
def receipt(document_id: int) -> ResponseReturnValue:
    """The receipt of a document that everybody has signed."""
    made = services().receipts.receipt_of(actor(), document_id)
    return send_file(
        BytesIO(made.content), MEDIA_TYPE, as_attachment=True, download_name=made.file_name
    )


def _shown(verdict: Verdict, about: Checked) -> ResponseReturnValue:
    told = {**verdict.to_json(), "sha256": about.sha256}  # an unreadable file has one as well
    return render_template(
        "verify/verdict.html",
        verdict=verdict,
        meaning=MEANINGS[verdict.verdict],
        signatures=[
            (signature, heading_of(signature, say), facts_of(signature, say))
            for signature in verdict.signatures
        ],
        about=about,
        kept=_serializer().dumps([told, about.file_name]),
    )


def _kept(token: str) -> tuple[Verdict, str]:
    """What the page carries instead of the file; signed, so that nobody makes up a verdict."""
    try:
        told, file_name = _serializer().loads(token, max_age=_KEPT_SECONDS)
    except BadSignature as error:
        raise Invalid(
            N_("Kết quả kiểm tra này đã quá một ngày; hãy kiểm tra lại tệp."), field="document"
        ) from error
    signatures = tuple(
        _restored(
            SignatureVerdict, {**one, "field_name": one["field"], "serial_hex": one["serial"]}
        )
        for one in told["signatures"]
    )
    return _restored(Verdict, {**told, "signatures": signatures}), file_name


def _restored(kind: type[_Told], told: dict[str, Any]) -> _Told:
    hints = get_type_hints(kind)
    return kind(**{part.name: _value(hints[part.name], told[part.name]) for part in fields(kind)})


def _value(kind: Any, told: Any) -> Any:
    if kind in (datetime, datetime | None):
        return told and datetime.fromisoformat(told)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(told)
    return tuple(told) if isinstance(told, list) else told


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="verdict")
