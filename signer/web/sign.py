"""The official's pages: a PIN for the own key, what waits for a signature, looking and signing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.dossiers.approving import BatchOutcome, Wanted
from signer.dossiers.models import StepKind
from signer.dossiers.turns import DONE
from signer.dossiers.views import DocumentView, StepView
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.services import services
from signer.signing.appearance import COPY_FORMS
from signer.signing.approvals import Factor, PasskeyFactor, PinFactor
from signer.signing.geometry import PageSize
from signer.signing.own_keys import KeyState
from signer.signing.preflight import Preflight
from signer.web.access import actor, safe_next
from signer.web.forms import FormError, json_in, numbers_in, required
from signer.web.page_text import lines_of
from signer.web.pages import Pages, told
from signer.web.problems import told_to_script
from signer.web.signing_form import offered, place_of, wanted_in_form, wanted_there

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
class Waiting:
    """The documents that wait for one key: the visitor's own, or that of a seal they keep."""

    unit_name: str | None
    key: KeyState | None
    documents: tuple[DocumentView, ...]


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
    """What waits for this official's signature, and for each seal that the official keeps."""
    by_unit: dict[tuple[int | None, str | None], list[DocumentView]] = {}
    for document in services().dossiers.inbox(actor()):
        if document.my_step is not None:
            asked = document.my_step.unit_id, document.my_step.unit_name
            by_unit.setdefault(asked, []).append(document)
    groups = [
        Waiting(unit_name=name, key=_key_for(unit_id), documents=tuple(documents))
        for (unit_id, name), documents in sorted(by_unit.items(), key=lambda one: one[0][0] or 0)
    ]
    return render_template("sign/inbox.html", groups=groups, key=_own_key(), errors=errors)


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
    step = waiting[0].my_step if waiting else None
    return render_template(
        "sign/review.html",
        step=step,
        documents=[(document, report_of(document.sha256)) for document in waiting],
        shown=shown,
        unseen=sum(document.id not in shown for document in waiting),
        key=_key_for(step.unit_id if step else None),
        has_passkeys=_has_passkeys(step),
        errors=errors,
        copy_forms=[(form, form) for form in COPY_FORMS],
        here=url_for(".review", document=[document.id for document in waiting]),
    )


@blueprint.form("/inbox/review", _SIGN, again=review)
def sign_several() -> ResponseReturnValue | None:
    """Every chosen document is signed, or has its reason why not; one wrong PIN costs one try."""
    if not numbers_in("document"):
        return None
    results = [
        (services().dossiers.document_of(actor(), number), error)
        for number, _sha256, error in _signed(wanted_in_form).results
    ]
    failed = [document.id for document, error in results if error is not None]
    return render_template("sign/batch.html", results=results, failed=failed)


@blueprint.form("/inbox/offer", _SIGN)
@told_to_script
def offer() -> ResponseReturnValue:
    """JSON for the script: what the passkey is asked, bound to exactly these documents."""
    made = offered(wanted_in_form())
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
    step, place, problem = document.my_step, None, None
    if step is not None:
        services().dossiers.note_shown(actor(), document_id, document.sha256)
        if report.may_sign:
            place, problem = place_of(document, report.pages)
    return render_template(
        "sign/document.html",
        document=document,
        step=step,
        report=report,
        pages=list(shown_pages(document.sha256, report.pages)),
        place=place,
        problem=problem,
        key=_key_for(step.unit_id) if step is not None else None,
        image=_image_for(step) if place is not None else None,
        has_passkeys=place is not None and _has_passkeys(step),
        copy_forms=[(form, form) for form in COPY_FORMS],
        errors=errors,
        dpi=(PLAIN_DPI, SHARP_DPI),
        next=_next(),
    )


@blueprint.form("/documents/<int:document_id>/sign", _SIGN, again=signing_page)
def sign(document_id: int) -> ResponseReturnValue:
    """The document is signed in the box, provided that it is still the one that was shown."""
    document = services().dossiers.document_of(actor(), document_id)
    if not document.my_turn and _is_signed_by_visitor(
        document
    ):  # the answer to the first press was lost
        return redirect(url_for(".signed_page", document_id=document_id))
    try:
        for _id, _sha256, error in _signed(lambda: [wanted_there(document_id)]).results:
            if error is not None:
                raise error
    except Conflict as error:
        # A lost race or a locked key: nothing was signed, and a page of its own says what to do.
        step = document.my_step
        key = _key_for(step.unit_id if step is not None else None)
        page = render_template("sign/conflict.html", document=document, key=key, error=error)
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
        approved = offered(wanted()).activation_id
    return services().dossiers.sign_batch(actor(), approved, factor)


def _has_passkeys(step: StepView | None) -> bool:
    unit_id = step.unit_id if step is not None else None
    key = _key_for(unit_id)
    return key is not None and bool(services().signing.passkeys_of(actor(), unit_id))


def _image_for(step: StepView | None) -> str | None:
    """The address of what will stand in the box: the visitor's own image, or that of the seal."""
    if step is not None and step.kind is StepKind.SEAL:
        return url_for("own_seals.picture", code=step.unit_code)
    if step is not None and step.kind in (StepKind.SIGN, StepKind.INITIAL):
        image = services().signing.images.find_of(actor())
        return url_for("signature_image.picture", v=image.sha256) if image is not None else None
    return None


def report_of(sha256: str) -> Preflight:
    """What was found in these bytes, whoever checked them when they came."""
    with services().files.path(sha256) as path:
        return services().signing.preflight(path)


def shown_pages(sha256: str, sizes: Sequence[PageSize]) -> Iterator[ShownPage]:
    """Every page with its words."""
    for number, size in enumerate(sizes, start=1):
        words = services().signing.page_words(sha256, number)
        yield ShownPage(number=number, size=size, lines=tuple(lines_of(words)))


def _key_for(unit_id: int | None) -> KeyState | None:
    """The visitor's own key, or that of the body's seal that the visitor keeps."""
    if unit_id is None:
        return _own_key()
    states = services().signing.seal_states(actor())
    return next((state for state in states if state.unit_id == unit_id), None)


def _own_key() -> KeyState | None:
    """None when the account belongs to nobody on the list, so that no key can exist."""
    try:
        return services().signing.key_of(actor())
    except NotFound:
        return None


def _is_signed_by_visitor(document: DocumentView) -> bool:
    key = _own_key()
    return key is not None and any(
        step.person_id == key.person_id and step.state in DONE for step in document.steps
    )


def _next() -> str:
    """Where the visitor wanted to go before the PIN came between; empty when nowhere."""
    wanted = request.values.get("next", "")
    return safe_next(wanted) if wanted else ""
