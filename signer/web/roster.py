"""Importing a roster: send the file, read what would happen, then store the valid rows."""

import re
import tempfile
from pathlib import Path

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Invalid
from signer.inventory.applying import UNDO_WITHIN
from signer.inventory.fields import FIELD_NAMES, Field
from signer.inventory.models import ImportState
from signer.jobs import Progress
from signer.services import services
from signer.web.access import actor
from signer.web.formats import say
from signer.web.forms import FormError, day_from
from signer.web.labels import unit_options
from signer.web.pages import Pages, told
from signer.web.uploads import clean_name

blueprint = Pages("roster", __name__)

FINDINGS_SHOWN = 500
"""More than a clerk corrects in one go; a page of ten thousand rows helps nobody."""
STATES = {
    ImportState.CHECKED: N_("Đã kiểm tra, chưa ghi"),
    ImportState.APPLYING: N_("Đang ghi"),
    ImportState.APPLIED: N_("Đã ghi"),
    ImportState.UNDOING: N_("Đang hoàn tác"),
    ImportState.UNDONE: N_("Đã hoàn tác"),
}
_IMPORT = Permission.ROSTER_IMPORT
_RECENT = 10
_COLUMN = re.compile(r"column-([A-Z]{1,3})")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.page("/roster", _IMPORT)
def index(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form for a file, and the imports of late."""
    inventory = services().inventory
    return render_template(
        "roster/index.html",
        errors=errors,
        imports=inventory.rosters.recent(actor(), limit=_RECENT),
        states=STATES,
        today=services().clock.today(),
        unit_options=unit_options(
            inventory.visible_units(actor(), Permission.ROSTER_IMPORT),
            _("Không, danh sách chỉ có một phần"),
        ),
    )


@blueprint.form("/roster", _IMPORT, again=index)
def check() -> ResponseReturnValue:
    """The file is checked and kept; no person is touched yet."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(N_("Hãy chọn một tệp Excel hoặc CSV."), field="file")
    name = clean_name(sent.filename)
    with tempfile.TemporaryDirectory(prefix="signer-roster-") as folder:
        path = Path(folder) / f"roster{Path(name).suffix.lower()}"
        sent.save(path)
        checked = services().inventory.rosters.dry_run(
            actor(),
            path,
            name,
            day_from(request.form, "effective_on"),
            full_unit=request.form.get("full_unit") or None,
        )
    return redirect(url_for(".show", import_id=checked.import_id))


@blueprint.page("/roster/<int:import_id>", _IMPORT)
def show(import_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """What the file would change and what is wrong in it; after applying, the receipt."""
    found = services().inventory.rosters.view(actor(), import_id)
    undo_until = found.record.applied_at and found.record.applied_at + UNDO_WITHIN
    return render_template(
        "roster/show.html",
        found=found,
        states=STATES,
        limit=FINDINGS_SHOWN,
        job=_job(found.record.job_id),
        undo_until=undo_until,
        may_undo=undo_until is not None and services().clock.now() <= undo_until,
        fields=[("", _("Không dùng cột này")), *((f, say(FIELD_NAMES[f])) for f in Field)],
        errors=errors,
    )


@blueprint.page("/roster/<int:import_id>/progress", _IMPORT)
def progress(import_id: int) -> ResponseReturnValue:
    """How far storing or undoing is, for the page to renew; at the end the whole page is."""
    record = services().inventory.rosters.view(actor(), import_id).record
    job = _job(record.job_id)
    answer = make_response(render_template("roster/_progress.html", record=record, job=job))
    if job is None or job.state == "done":
        answer.headers["HX-Refresh"] = "true"
    return answer


@blueprint.form("/roster/<int:import_id>/columns", _IMPORT, again=show)
def columns(import_id: int) -> ResponseReturnValue:
    """The same file, checked with the columns as the clerk says."""
    said = {
        found[1]: Field(value)
        for name, value in request.form.items()
        if (found := _COLUMN.fullmatch(name)) and value in set(Field)
    }
    checked = services().inventory.rosters.recheck(actor(), import_id, said)
    sentence = _("Đã kiểm tra lại tệp theo các cột bạn chọn và ghi nhớ cho lần sau.")
    return told(sentence, ".show", import_id=checked.import_id)


@blueprint.form("/roster/<int:import_id>/apply", _IMPORT, again=show)
def apply(import_id: int) -> None:
    """A job stores the valid rows; asking again begins nothing anew."""
    services().inventory.rosters.start(actor(), import_id)


@blueprint.form("/roster/<int:import_id>/undo", _IMPORT, again=show)
def undo(import_id: int) -> None:
    """A job takes back what the import did."""
    services().inventory.rosters.undo(actor(), import_id)


@blueprint.page("/roster/<int:import_id>/errors.xlsx", _IMPORT)
def errors_workbook(import_id: int) -> ResponseReturnValue:
    """The refused rows as a spreadsheet, to correct and send again."""
    workbook = services().inventory.rosters.corrections(actor(), import_id, say)
    answer = Response(workbook, mimetype=_XLSX)
    answer.headers.set("Content-Disposition", "attachment", filename=f"dong-loi-{import_id}.xlsx")
    return answer


def _job(job_id: int | None) -> Progress | None:
    return services().jobs.progress(job_id) if job_id is not None else None
