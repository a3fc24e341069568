"""Dossiers: what is in them, how far each document is, and submitting new ones for signature."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from flask import flash, g, render_template, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.dossiers.models import StepKind
from signer.dossiers.sealing import AGENCY_KINDS, SealWish
from signer.dossiers.turns import DONE
from signer.errors import N_, Invalid, SignerError
from signer.inventory.people import PeopleFilter
from signer.services import services
from signer.signing.geometry import Box, PageSize
from signer.web.access import actor
from signer.web.formats import say
from signer.web.forms import FormError, day_from, number_in_query, required
from signer.web.labels import unit_options
from signer.web.pages import Pages, told
from signer.web.sign import PLAIN_DPI, SHARP_DPI, report_of, shown_pages
from signer.web.signature_box import BoxFields, box_of, fields_of, parse_fields
from signer.web.uploads import FILES_AT_ONCE, KeptFile, keep, kept_files, kept_token

blueprint = Pages("dossiers", __name__)

STATES = {"open": N_("Đang ký"), "done": N_("Đã ký xong"), "returned": N_("Bị trả lại")}
_PAGE = 50
_FOUND = 12
_PDF = "application/pdf"


@blueprint.page("/dossiers", Permission.DOSSIER_VIEW)
def index() -> ResponseReturnValue:
    """The dossiers this visitor may see, the newest first, a page at a time."""
    state = request.args.get("state", "")
    found = services().dossiers.dossiers(
        actor(),
        state=state if state in STATES else None,
        before=number_in_query("before"),
        limit=_PAGE,
    )
    return render_template(
        "dossiers/index.html", dossiers=found, state=state, states=STATES, full=len(found) == _PAGE
    )


@blueprint.page("/dossiers/<int:dossier_id>", Permission.DOSSIER_VIEW)
def show(dossier_id: int) -> ResponseReturnValue:
    """One dossier with its documents, their steps and versions."""
    dossier = services().dossiers.dossier_of(actor(), dossier_id)
    may_prepare = actor().can(Permission.DOSSIER_CREATE)
    unsigned = {
        document.id: report_of(document.sha256)
        for document in dossier.documents
        if may_prepare and not any(step.state in (*DONE, "returned") for step in document.steps)
    }
    return render_template(
        "dossiers/show.html",
        dossier=dossier,
        states=STATES,
        unsigned=unsigned,
        bodies=services().dossiers.sealing.bodies(actor()) if may_prepare else (),
        agency_kinds=[kind for kind in StepKind if kind in AGENCY_KINDS],
    )


@blueprint.page("/dossiers/new", Permission.DOSSIER_CREATE)
def new_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form; files that were already sent stay chosen when something else was wrong."""
    kept: tuple[KeptFile, ...] = g.get("kept_files", ())
    appendices: tuple[KeptFile, ...] = g.get("kept_appendices", ())
    units = services().inventory.visible_units(actor(), Permission.DOSSIER_CREATE)
    return render_template(
        "dossiers/new.html",
        errors=errors,
        choices=unit_options(units, _("Chọn đơn vị")),
        files_at_once=FILES_AT_ONCE,
        signers=_codes("signers"),
        initials=_codes("initials"),
        bodies=services().dossiers.sealing.bodies(actor()),
        kept=[(file, _is_damaged(file)) for file in (*kept, *appendices)],
        kept_token=kept_token(kept) if kept else "",
        appendices_token=kept_token(appendices) if appendices else "",
    )


@blueprint.form("/dossiers/new", Permission.DOSSIER_CREATE, again=new_page)
def create() -> ResponseReturnValue:
    """A new dossier goes to its first signer."""
    g.kept_files = files = (*kept_files("kept"), *keep("files"))
    g.kept_appendices = appendices = (*kept_files("kept_appendices"), *keep("appendices"))
    if not files:
        raise Invalid(N_("Hãy chọn ít nhất một tệp PDF."), field="files")
    with ExitStack() as stack:

        def opened(kept: Sequence[KeptFile]) -> list[tuple[str, Path]]:
            readable = [_readable(file) for file in kept]
            store = services().files
            return [(f.name, stack.enter_context(store.path(f.sha256))) for f in readable]

        dossier_id = services().dossiers.create(
            actor(),
            title=required("title", N_("Hãy ghi tên hồ sơ.")),
            unit_code=required("unit_code", N_("Hãy chọn đơn vị.")),
            due_on=day_from(request.form, "due_on"),
            files=opened(files),
            appendices=opened(appendices),
            signers=_codes("signers"),
            initials=_codes("initials"),
            seal=_seal_wish(),
        )
    if request.form.get("slots"):
        _place_slots(dossier_id)
    return told(_("Đã lập hồ sơ và trình ký."), ".show", dossier_id=dossier_id)


@blueprint.form("/documents/<int:document_id>/agency", Permission.DOSSIER_CREATE)
def add_agency_step(document_id: int) -> ResponseReturnValue:
    """A body's step comes after all others of the document."""
    services().dossiers.sealing.add(
        actor(),
        document_id,
        _agency_kind(),
        required("seal_unit", N_("Hãy chọn cơ quan có con dấu.")),
    )
    dossier_id = services().dossiers.document_of(actor(), document_id).dossier_id
    return told(_("Đã chuyển cho người giữ con dấu."), ".show", dossier_id=dossier_id)


@blueprint.form(
    "/documents/<int:document_id>/agency/<int:step_id>/take-back", Permission.DOSSIER_CREATE
)
def take_back(document_id: int, step_id: int) -> ResponseReturnValue:
    """The body's step is wanted no more."""
    services().dossiers.sealing.take_back(actor(), document_id, step_id)
    dossier_id = services().dossiers.document_of(actor(), document_id).dossier_id
    return told(_("Đã rút lại bước của cơ quan."), ".show", dossier_id=dossier_id)


@blueprint.page("/dossiers/people", Permission.DOSSIER_CREATE)
def people() -> ResponseReturnValue:
    """A fragment: the people whose name or code matches what is being typed."""
    wanted = request.args.get("q", "").strip()
    search = services().inventory.people
    found = search(actor(), PeopleFilter(search=wanted), limit=_FOUND).items if wanted else ()
    states = services().issuance.states_of([person.id for person in found])
    return render_template("dossiers/_people.html", people=found, states=states, wanted=wanted)


@blueprint.page("/documents/<int:document_id>/slots", Permission.DOSSIER_CREATE)
def slots_page(document_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """A box for every signer, where the signature is to stand; each can be moved."""
    proposed = services().preparing.proposed(actor(), document_id)
    document = services().dossiers.document_of(actor(), document_id)
    sizes = services().signing.pages_of(document.sha256)
    typed = [_typed_fields(number) for number in range(len(proposed))]
    return render_template(
        "dossiers/slots.html",
        document=document,
        pages=list(shown_pages(document.sha256, sizes)),
        slots=[
            (
                f"s{number}-",
                slot,
                typed[number] or fields_of(slot.page, slot.box, sizes[slot.page - 1]),
            )
            for number, slot in enumerate(proposed)
        ],
        errors=errors,
        dpi=(PLAIN_DPI, SHARP_DPI),
    )


@blueprint.form("/documents/<int:document_id>/slots", Permission.DOSSIER_CREATE, again=slots_page)
def place_slots(document_id: int) -> ResponseReturnValue:
    """Every signer has an empty field of the document from now on."""
    proposed = services().preparing.proposed(actor(), document_id)
    document = services().dossiers.document_of(actor(), document_id)
    sizes = services().signing.pages_of(document.sha256)
    slots = []
    for number, slot in enumerate(proposed):
        fields, box = _placed(f"s{number}-", sizes)
        slots.append(replace(slot, page=fields.page, box=box))
    shown = required("shown_sha256")
    services().preparing.place(actor(), document_id, shown, slots)
    return told(_("Đã đặt ô ký cho từng người ký."), ".show", dossier_id=document.dossier_id)


@blueprint.form("/documents/<int:document_id>/repair", Permission.DOSSIER_CREATE)
def repair(document_id: int) -> ResponseReturnValue:
    """The document has a repaired copy as its newest version."""
    services().preparing.repair(actor(), document_id, required("shown_sha256"))
    dossier_id = services().dossiers.document_of(actor(), document_id).dossier_id
    return told(
        _("Đã tạo bản đã sửa. Hãy mở xem lại; người ký sẽ ký bản này."),
        ".show",
        dossier_id=dossier_id,
    )


@blueprint.page("/documents/<int:document_id>/file", Permission.DOSSIER_VIEW)
@blueprint.page("/documents/<int:document_id>/versions/<int:version>/file", Permission.DOSSIER_VIEW)
def download(document_id: int, version: int | None = None) -> ResponseReturnValue:
    """A version of the document, the newest unless its number is given, byte for byte."""
    name, sha256 = services().dossiers.file_of(actor(), document_id, version)
    with services().files.path(sha256) as path:
        # The file is opened here and read later, so it may lose its name meanwhile.
        return send_file(path.open("rb"), _PDF, as_attachment=True, download_name=name)


def _is_damaged(file: KeptFile) -> bool:
    report = report_of(file.sha256)
    return not report.may_sign and report.repairable


def _readable(file: KeptFile) -> KeptFile:
    """The file, or the repaired copy of a damaged one when the clerk wants that."""
    if not _is_damaged(file):
        return file  # as it is, or refused by name when the dossier is made
    if file.sha256 not in request.form.getlist("repair"):
        raise Invalid(
            N_(
                "Tệp “%(name)s” bị hỏng nhưng sửa được. Hãy đánh dấu “Dùng bản đã sửa”, hoặc chọn"
                " tệp khác."
            ),
            field="files",
            name=file.name,
        )
    name = f"{file.name.removesuffix('.pdf')}_ban_da_sua.pdf"
    return KeptFile(name=name, sha256=services().preparing.repaired(file.sha256))


def _placed(prefix: str, sizes: Sequence[PageSize]) -> tuple[BoxFields, Box]:
    """What the fields with this prefix say; `Invalid` names the one that is wrong."""
    form = {name.removeprefix(prefix): text for name, text in request.form.items()}
    try:
        fields = parse_fields(form)
        return fields, box_of(fields, tuple(sizes))
    except Invalid as error:
        raise Invalid(error.sentence, field=f"{prefix}{error.field}", **error.values) from error


def _typed_fields(number: int) -> BoxFields | None:
    """What was typed when the form was refused; None when it is no place at all."""
    prefix = f"s{number}-"
    form = {name.removeprefix(prefix): text for name, text in request.form.items()}
    try:
        return parse_fields(form)
    except Invalid:
        return None


def _codes(field: str) -> list[str]:
    """One code per line, as the plain form sends them; each once, in the order of signing."""
    typed = request.form.get(field, "").replace(",", "\n").splitlines()
    return list(dict.fromkeys(code.strip().upper() for code in typed if code.strip()))


def _seal_wish() -> SealWish | None:
    """Which body is to do what at the end; None when nothing was chosen."""
    if not request.form.get("seal_kind"):
        return None
    return SealWish(
        unit_code=required("seal_unit", N_("Hãy chọn cơ quan có con dấu.")), kind=_agency_kind()
    )


def _agency_kind() -> StepKind:
    kind = request.form.get("seal_kind", "")
    if kind not in AGENCY_KINDS:
        raise Invalid(N_("Hãy chọn việc cần cơ quan thực hiện."), field="seal_kind")
    return StepKind(kind)


def _place_slots(dossier_id: int) -> None:
    """The dossier is made either way; without slots its page offers to place them."""
    try:
        services().preparing.place_all(actor(), dossier_id)
    except SignerError as error:
        flash(_("Chưa đặt sẵn được ô ký: %(why)s", why=say(error.sentence, **error.values)), "warn")
