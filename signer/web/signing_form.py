"""What the signing forms say: which documents, in which place, and what a body's mark shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import request

from signer.dossiers.approving import Offer, Wanted
from signer.dossiers.views import DocumentView
from signer.errors import Forbidden, Invalid, NotFound, SignerError
from signer.services import services
from signer.signing.appearance import COPY_FORMS
from signer.signing.geometry import PageSize
from signer.web.access import actor
from signer.web.forms import numbers_in
from signer.web.signature_box import BoxFields, box_of, fields_of, parse_fields, text_of

_FACTS = ("number", "copy_form", "forwarded_to", "file_symbol")
_A_NUMBER = "0000/QĐ-UBND"


@dataclass(frozen=True, kw_only=True)
class ShownPlace:
    """Where the box stands when the form opens, and why there; of a fixed size for a seal's.

    `field_name` is the document's own empty field, used as long as the box stays at
    `field_place`.
    """

    fields: BoxFields
    sentence: str = ""
    field_name: str = ""
    field_place: str = ""
    is_fixed: bool = False


def offered(wanted: list[Wanted]) -> Offer:
    """As `Dossiers.offer`; a missing fact is named where the form asks for it."""
    try:
        return services().dossiers.offer(actor(), wanted)
    except Invalid as error:
        if error.field not in _FACTS:
            raise
        lacking = (one for one in wanted if not getattr(one, error.field or ""))
        number = next(lacking, wanted[0]).document_id
        raise Invalid(error.sentence, field=f"{error.field}-{number}", **error.values) from error


def wanted_in_form() -> list[Wanted]:
    """The documents of the form: one with its place, or several where the service proposes."""
    chosen = numbers_in("document")
    if "page" in request.form:
        return [wanted_there(chosen[0])] if chosen else []
    versions = [(number, _shown_sha256(number)) for number in chosen]
    consent = bool(request.form.get("unseen"))
    shown = services().dossiers.shown(actor(), versions)
    return [
        _with_facts(
            Wanted(
                document_id=number,
                shown_sha256=sha256,
                unseen=consent and (number, sha256) not in shown,
            )
        )
        for number, sha256 in versions
    ]


def wanted_there(document_id: int) -> Wanted:
    fields = parse_fields(request.form)
    wanted = _with_facts(Wanted(document_id=document_id, shown_sha256=_shown_sha256(document_id)))
    stays = request.form.get("field_place") == text_of(fields)
    is_fixed = bool(request.form.get("is_fixed"))
    if is_fixed and stays:
        return wanted  # where it is proposed, once more with what was typed
    newest = services().dossiers.document_of(actor(), document_id).sha256
    return replace(
        wanted,
        page=fields.page,
        box=box_of(fields, services().signing.pages_of(newest), any_size=is_fixed),
        # The document's own field that was proposed, unless the box was moved away from it.
        field_name=request.form.get("field_name") or None if stays else None,
    )


def _with_facts(wanted: Wanted) -> Wanted:
    """With what the form says that a body's mark is to show on this document."""

    def typed(name: str) -> str:
        return request.form.get(f"{name}-{wanted.document_id}", "").strip()

    return replace(
        wanted,
        number=typed("number"),
        copy_form=typed("copy_form"),
        forwarded_to=typed("forwarded_to"),
        file_symbol=typed("file_symbol"),
    )


def _shown_sha256(document_id: int) -> str:
    return request.form.get(f"sha256-{document_id}", "")


def place_of(
    document: DocumentView, sizes: Sequence[PageSize]
) -> tuple[ShownPlace | None, SignerError | None]:
    """As typed when the form was refused and the numbers are numbers, else as proposed.

    Or why a body's seal may not be put there: the visitor is told before any PIN is typed.
    """
    is_agency = document.my_step is not None and document.my_step.unit_id is not None
    try:
        proposed = services().dossiers.place_of(actor(), _sample(document))
    except (Invalid, Forbidden, NotFound) as error:
        return None, error
    fields = fields_of(proposed.page, proposed.box, sizes[proposed.page - 1])
    place = ShownPlace(
        fields=fields,
        sentence=proposed.sentence,
        field_name=proposed.field_name or "",
        field_place=text_of(fields) if proposed.field_name or is_agency else "",
        is_fixed=is_agency,
    )
    if request.method == "POST":
        try:
            return replace(place, fields=parse_fields(request.form)), None
        except Invalid:
            pass  # the error summary names the field; the proposal stands in for it
    return place, None


def _sample(document: DocumentView) -> Wanted:
    """With the facts as typed; before that others of about their length, to see what they need."""
    typed = _with_facts(Wanted(document_id=document.id, shown_sha256=document.sha256))
    return replace(
        typed, number=typed.number or _A_NUMBER, copy_form=typed.copy_form or COPY_FORMS[0]
    )
