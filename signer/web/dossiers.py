"""Dossiers: what is in them, how far each document is, and submitting new ones for signature."""

from contextlib import ExitStack

from flask import g, render_template, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Invalid
from signer.inventory.people import PeopleFilter
from signer.services import services
from signer.web.access import actor
from signer.web.forms import FormError, day_from, number_in_query, required
from signer.web.labels import unit_options
from signer.web.pages import Pages, told
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
    return render_template("dossiers/show.html", dossier=dossier, states=STATES)


@blueprint.page("/dossiers/new", Permission.DOSSIER_CREATE)
def new_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form; files that were already sent stay chosen when something else was wrong."""
    kept: tuple[KeptFile, ...] = g.get("kept_files", ())
    units = services().inventory.visible_units(actor(), Permission.DOSSIER_CREATE)
    return render_template(
        "dossiers/new.html",
        errors=errors,
        choices=unit_options(units, _("Chọn đơn vị")),
        files_at_once=FILES_AT_ONCE,
        signers=_signer_codes(),
        kept=kept,
        kept_token=kept_token(kept) if kept else "",
    )


@blueprint.form("/dossiers/new", Permission.DOSSIER_CREATE, again=new_page)
def create() -> ResponseReturnValue:
    """A new dossier goes to its first signer."""
    g.kept_files = files = (*kept_files("kept"), *keep("files"))
    if not files:
        raise Invalid(N_("Hãy chọn ít nhất một tệp PDF."), field="files")
    with ExitStack() as stack:
        dossier_id = services().dossiers.create(
            actor(),
            title=required("title", N_("Hãy ghi tên hồ sơ.")),
            unit_code=required("unit_code", N_("Hãy chọn đơn vị.")),
            due_on=day_from(request.form, "due_on"),
            files=[(f.name, stack.enter_context(services().files.path(f.sha256))) for f in files],
            signers=_signer_codes(),
        )
    return told(_("Đã lập hồ sơ và trình ký."), ".show", dossier_id=dossier_id)


@blueprint.page("/dossiers/people", Permission.DOSSIER_CREATE)
def people() -> ResponseReturnValue:
    """A fragment: the people whose name or code matches what is being typed."""
    wanted = request.args.get("q", "").strip()
    search = services().inventory.people
    found = search(actor(), PeopleFilter(search=wanted), limit=_FOUND).items if wanted else ()
    states = services().issuance.states_of([person.id for person in found])
    return render_template("dossiers/_people.html", people=found, states=states, wanted=wanted)


@blueprint.page("/documents/<int:document_id>/file", Permission.DOSSIER_VIEW)
@blueprint.page("/documents/<int:document_id>/versions/<int:version>/file", Permission.DOSSIER_VIEW)
def download(document_id: int, version: int | None = None) -> ResponseReturnValue:
    """A version of the document, the newest unless its number is given, byte for byte."""
    name, sha256 = services().dossiers.file_of(actor(), document_id, version)
    with services().files.path(sha256) as path:
        # The file is opened here and read later, so it may lose its name meanwhile.
        return send_file(path.open("rb"), _PDF, as_attachment=True, download_name=name)


def _signer_codes() -> list[str]:
    """One code per line, as the plain form sends them; each once, in the order of signing."""
    typed = request.form.get("signers", "").replace(",", "\n").splitlines()
    return list(dict.fromkeys(code.strip().upper() for code in typed if code.strip()))
