"""Importing a roster: send the file, read what would happen, then store the valid rows."""

import tempfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Invalid
from signer.inventory.models import ImportState
from signer.services import services
from signer.web.access import actor, permission
from signer.web.forms import FormError, day_from, shown_again_by

blueprint = Blueprint("roster", __name__)

FINDINGS_SHOWN = 500
"""More than a clerk corrects in one go; a page of ten thousand rows helps nobody."""
STATES = {
    ImportState.CHECKED: N_("Đã kiểm tra, chưa ghi"),
    ImportState.APPLYING: N_("Đang ghi dở"),
    ImportState.APPLIED: N_("Đã ghi"),
}
_RECENT = 10
_NAME_LENGTH = 150


@blueprint.get("/roster")
@permission(Permission.ROSTER_IMPORT)
def index(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form for a file, and the imports of late."""
    return render_template(
        "roster/index.html",
        errors=errors,
        imports=services().inventory.imports(actor(), limit=_RECENT),
        states=STATES,
        today=services().clock.today(),
    )


@blueprint.post("/roster")
@permission(Permission.ROSTER_IMPORT)
@shown_again_by(index)
def check() -> ResponseReturnValue:
    """The file is checked and kept; no person is touched yet."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(N_("Hãy chọn một tệp Excel hoặc CSV."), field="file")
    name = _clean_name(sent.filename)
    with tempfile.TemporaryDirectory(prefix="signer-roster-") as folder:
        path = Path(folder) / f"roster{Path(name).suffix.lower()}"
        sent.save(path)
        checked = services().inventory.dry_run(
            actor(), path, name, day_from(request.form, "effective_on")
        )
    return redirect(url_for("roster.show", import_id=checked.import_id))


@blueprint.get("/roster/<int:import_id>")
@permission(Permission.ROSTER_IMPORT)
def show(import_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """What the file would change and what is wrong in it; after applying, the receipt."""
    return render_template(
        "roster/show.html",
        found=services().inventory.import_of(actor(), import_id),
        states=STATES,
        limit=FINDINGS_SHOWN,
        errors=errors,
    )


@blueprint.post("/roster/<int:import_id>/apply")
@permission(Permission.ROSTER_IMPORT)
@shown_again_by(show)
def apply(import_id: int) -> ResponseReturnValue:
    """The valid rows are stored; doing it again changes nothing."""
    services().inventory.apply(actor(), import_id)
    flash(_("Đã ghi các dòng hợp lệ của danh sách."), "ok")
    return redirect(url_for("roster.show", import_id=import_id))


def _clean_name(name: str) -> str:
    """The last part of the name, printable, whatever system it comes from."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(letter for letter in last if letter.isprintable()).strip()[-_NAME_LENGTH:]
