"""The official's pages: a PIN for the own key, what waits for a signature, looking and signing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.dossiers.approving import BatchOutcome, Wanted
from signer.dossiers.views import DocumentView
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.services import services
from signer.signing.approvals import Factor, PasskeyFactor, PinFactor
from signer.signing.geometry import PageSize
from signer.signing.preflight import Preflight
from signer.signing.service import KeyState
from signer.web.access import actor, safe_next
from signer.web.forms import FormError, json_in, numbers_in, required
from signer.web.page_text import lines_of
from signer.web.pages import Pages, told
from signer.web.problems import told_to_script
from signer.web.signature_box import BoxFields, box_of, fields_of, parse_fields, text_of

blueprint = Pages("sign", __name__)
_SIGN, _VIEW = Permission.DOCUMENT_SIGN, Permission.DOSSIER_VIEW

PLAIN_DPI, SHARP_DPI = 96, 192
"""What fills the viewer, and what is fetched when somebody zooms in."""
_A_DAY = 24 * 3600
NO_ANSWER = N_("Khóa truy cập chưa trả lời. Hãy thử lại.")


@dataclass(frozen=True, kw_only=True)
class ShownPage:
    """One page of the viewer: points as displayed, and its words for those who listen."""

    number: int
    size: PageSize
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ShownPlace:
    """Where the box stands when the form opens, and why there.

    `field_name` is the document's own empty field, used as long as the box stays at
    `field_place`.
    """

    fields: BoxFields
    sentence: str = ""
    field_name: str = ""
    field_place: str = ""


@blueprint.page("/activate", _SIGN)
def activate_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The state of the own key; when it waits for its PIN, the form that sets one."""
    key = _own_key()
    return render_template(
        "sign/activate.html",
        key=key,
        passkeys=services().signing.passkeys_of(actor()) if key else (),
        errors=errors,
        next=_next(),
    )


@blueprint.form("/activate", _SIGN, again=activate_page)
def activate() -> ResponseReturnValue:
    """The key is bound to the PIN that was typed twice."""
    pin = required("pin", N_("Hãy nhập mã PIN."))
    if request.form.get("pin_again", "") != pin:
        raise Invalid(N_("Hai lần nhập mã PIN không giống nhau."), field="pin_again")
    services().signing.activate(actor(), pin)
    flash(_("Đã đặt mã PIN. Từ bây giờ bạn ký số được."), "ok")
    return redirect(_next() or url_for(".inbox"))


@blueprint.page("/inbox", _SIGN)
def inbox(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The documents that wait for this official's signature."""
    return render_template(
        "sign/inbox.html",
        documents=services().dossiers.inbox(actor()),
        key=_own_key(),
        errors=errors,
    )


@blueprint.page("/inbox/review", _SIGN)
def review(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The chosen documents once more, what was found in each, and one factor for all of them."""
    chosen = numbers_in("document")
    if not chosen:
        nothing = Invalid(N_("Hãy chọn ít nhất một tài liệu để ký."))
        return inbox(errors=(FormError(field=None, error=nothing), *errors))
    services().signing.require_list_length(len(chosen))
    found = [services().dossiers.document_of(actor(), number) for number in chosen]
    waiting = [document for document in found if document.my_turn]
    versions = [(document.id, document.sha256) for document in waiting]
    shown = {number for number, _sha256 in services().dossiers.shown(actor(), versions)}
    return render_template(
        "sign/review.html",
        documents=[(document, report_of(document.sha256)) for document in waiting],
        shown=shown,
        unseen=sum(document.id not in shown for document in waiting),
        key=_own_key(),
        has_passkeys=_has_passkeys(),
        errors=errors,
        here=url_for(".review", document=[document.id for document in waiting]),
    )


@blueprint.form("/inbox/review", _SIGN, again=review)
def sign_several() -> ResponseReturnValue | None:
    """Every chosen document is signed, or has its reason why not; one wrong PIN costs one try."""
    if not numbers_in("document"):
        return None
    results = [
        (services().dossiers.document_of(actor(), number), error)
        for number, _sha256, error in _signed(_wanted).results
    ]
    failed = [document.id for document, error in results if error is not None]
    return render_template("sign/batch.html", results=results, failed=failed)


@blueprint.form("/inbox/offer", _SIGN)
@told_to_script
def offer() -> ResponseReturnValue:
    """JSON for the script: what the passkey is asked, bound to exactly these documents."""
    made = services().dossiers.offer(actor(), _wanted())
    return {"activation_id": made.activation_id, "passkey": made.passkey}


@blueprint.page("/inbox/progress", _SIGN)
def batch_progress() -> ResponseReturnValue:
    """A fragment: how many of these documents no longer wait for the visitor."""
    asked = set(numbers_in("document"))
    waiting = {document.id for document in services().dossiers.inbox(actor())}
    return render_template("sign/_progress.html", done=len(asked - waiting), total=len(asked))


@blueprint.page("/documents/<int:document_id>/sign", _VIEW)
def signing_page(document_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The pages of the newest version; with the signing form when it is this official's turn."""
    document = services().dossiers.document_of(actor(), document_id)
    report = report_of(document.sha256)
    can_sign = document.my_turn and report.may_sign
    if document.my_turn:
        services().dossiers.note_shown(actor(), document_id, document.sha256)
    return render_template(
        "sign/document.html",
        document=document,
        report=report,
        pages=list(shown_pages(document.sha256, report.pages)),
        place=_place(document, report.pages) if can_sign else None,
        key=_own_key() if document.my_turn else None,
        has_passkeys=can_sign and _has_passkeys(),
        errors=errors,
        dpi=(PLAIN_DPI, SHARP_DPI),
        next=_next(),
    )


@blueprint.form("/documents/<int:document_id>/sign", _SIGN, again=signing_page)
def sign(document_id: int) -> ResponseReturnValue:
    """The document is signed in the box, provided that it is still the one that was shown."""
    document = services().dossiers.document_of(actor(), document_id)
    if _is_signed_by_visitor(document):  # the answer to the first press was lost
        return redirect(url_for(".signed_page", document_id=document_id))
    try:
        for _id, _sha256, error in _signed(lambda: [_wanted_there(document_id)]).results:
            if error is not None:
                raise error
    except Conflict as error:
        # A lost race or a locked key: nothing was signed, and a page of its own says what to do.
        page = render_template("sign/conflict.html", document=document, key=_own_key(), error=error)
        return page, 409
    return redirect(url_for(".signed_page", document_id=document_id))


@blueprint.page("/documents/<int:document_id>/signed", _VIEW)
def signed_page(document_id: int) -> ResponseReturnValue:
    """The visitor has signed it: the download, and the next document that waits."""
    document = services().dossiers.document_of(actor(), document_id)
    if not _is_signed_by_visitor(document):
        return redirect(url_for(".signing_page", document_id=document_id))
    waiting = services().dossiers.inbox(actor())
    return render_template("sign/signed.html", document=document, waiting=waiting)


@blueprint.form("/documents/<int:document_id>/send-back", _SIGN, again=signing_page)
def send_back(document_id: int) -> ResponseReturnValue:
    """The document goes back to whoever submitted it, with the reason."""
    reason = required("reason", N_("Hãy ghi lý do trả lại để người trình biết cần sửa gì."))
    services().dossiers.send_back(actor(), document_id, reason)
    return told(_("Đã trả lại tài liệu kèm lý do."), ".inbox")


@blueprint.page("/documents/<int:document_id>/pages/<int:number>.png", _VIEW)
def page_image(document_id: int, number: int) -> ResponseReturnValue:
    """One page as an image; `v` is the hash of the version, so that an image never changes."""
    document = services().dossiers.document_of(actor(), document_id)
    shown = request.args.get("v", document.sha256)
    if shown not in {version.sha256 for version in document.versions}:
        raise NotFound(N_("Tài liệu này không có phiên bản được hỏi."))
    dpi = SHARP_DPI if request.args.get("dpi", type=int) == SHARP_DPI else PLAIN_DPI
    response = Response(services().signing.page_image(shown, number, dpi), mimetype="image/png")
    response.cache_control.private = True
    response.cache_control.max_age = _A_DAY
    return response


def _signed(wanted: Callable[[], list[Wanted]]) -> BatchOutcome:
    """What came of the form's documents; the passkey's offer was made before, the PIN's is now."""
    approved = request.form.get("activation_id", type=int)
    if approved is not None:
        factor: Factor = PasskeyFactor(response=json_in("assertion", NO_ANSWER))
    else:
        factor = PinFactor(pin=required("pin", N_("Hãy nhập mã PIN.")))
        approved = services().dossiers.offer(actor(), wanted()).activation_id
    return services().dossiers.sign_batch(actor(), approved, factor)


def _wanted() -> list[Wanted]:
    """The documents of the form: one with its place, or several where the service proposes."""
    chosen = numbers_in("document")
    if "page" in request.form:
        return [_wanted_there(chosen[0])] if chosen else []
    versions = [(number, _shown_sha256(number)) for number in chosen]
    consent = bool(request.form.get("unseen"))
    shown = services().dossiers.shown(actor(), versions)
    return [
        Wanted(
            document_id=number,
            shown_sha256=sha256,
            unseen=consent and (number, sha256) not in shown,
        )
        for number, sha256 in versions
    ]


def _wanted_there(document_id: int) -> Wanted:
    fields = parse_fields(request.form)
    newest = services().dossiers.document_of(actor(), document_id).sha256
    return Wanted(
        document_id=document_id,
        shown_sha256=_shown_sha256(document_id),
        page=fields.page,
        box=box_of(fields, services().signing.pages_of(newest)),
        field_name=_untouched_field(fields),
    )


def _shown_sha256(document_id: int) -> str:
    return request.form.get(f"sha256-{document_id}", "")


def _has_passkeys() -> bool:
    key = _own_key()
    return key is not None and bool(services().signing.passkeys_of(actor()))


def report_of(sha256: str) -> Preflight:
    """What was found in these bytes, whoever checked them when they came."""
    with services().files.path(sha256) as path:
        return services().signing.preflight(path)


def shown_pages(sha256: str, sizes: Sequence[PageSize]) -> Iterator[ShownPage]:
    """Every page with its words."""
    for number, size in enumerate(sizes, start=1):
        words = services().signing.page_words(sha256, number)
        yield ShownPage(number=number, size=size, lines=tuple(lines_of(words)))


def _place(document: DocumentView, sizes: Sequence[PageSize]) -> ShownPlace:
    """As typed when the form was refused and the numbers are numbers, else as proposed."""
    if request.method == "POST":
        try:
            return ShownPlace(fields=parse_fields(request.form))
        except Invalid:
            pass  # the error summary names the field; the proposal stands in for it
    proposed = services().signing.propose(actor(), document.sha256)
    fields = fields_of(proposed.page, proposed.box, sizes[proposed.page - 1])
    return ShownPlace(
        fields=fields,
        sentence=proposed.sentence,
        field_name=proposed.field_name or "",
        field_place=text_of(fields) if proposed.field_name else "",
    )


def _untouched_field(fields: BoxFields) -> str | None:
    """The document's own field that was proposed, unless the box was moved away from it."""
    stayed = request.form.get("field_place") == text_of(fields)
    return request.form.get("field_name") or None if stayed else None


def _own_key() -> KeyState | None:
    """None when the account belongs to nobody on the list, so that no key can exist."""
    try:
        return services().signing.key_of(actor())
    except NotFound:
        return None


def _is_signed_by_visitor(document: DocumentView) -> bool:
    key = _own_key()
    return key is not None and any(
        step.person_id == key.person_id and step.state in ("stamping", "signed")
        for step in document.steps
    )


def _next() -> str:
    """Where the visitor wanted to go before the PIN came between; empty when nowhere."""
    wanted = request.values.get("next", "")
    return safe_next(wanted) if wanted else ""
