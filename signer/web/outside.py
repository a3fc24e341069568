"""Certificates from outside: bringing them in, saying whose they are, and how they stand."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from signer.accounts import Permission
from signer.clock import HANOI
from signer.errors import N_, Invalid
from signer.inventory.tables import Value
from signer.outside.importing import SHOWN
from signer.outside.kinds import (
    CARRIER_NAMES,
    MATCH_NAMES,
    OWNER_NAMES,
    STATUS_NAMES,
    Carrier,
    CertificateStatus,
)
from signer.outside.matching import MATCH_REASONS
from signer.outside.service import TAB_NAMES, CertificateView, Tab
from signer.services import services
from signer.web.access import actor, permission
from signer.web.download import csv_download, xlsx_download
from signer.web.formats import say
from signer.web.forms import FormError, number_in_query, numbers_in, required, shown_again_by
from signer.web.uploads import clean_name

blueprint = Blueprint("outside", __name__)

PAGE_SIZE = 50
_WORDS = {
    "tabs": TAB_NAMES,
    "statuses": STATUS_NAMES,
    "matches": MATCH_NAMES,
    "reasons": MATCH_REASONS,
    "carriers": CARRIER_NAMES,
    "owners": OWNER_NAMES,
}
_COLUMNS = (
    *(N_("Số chứng thư"), N_("Tên chủ thể"), N_("Đơn vị trong chứng thư"), N_("Thư điện tử")),
    *(N_("Tổ chức cấp"), N_("Thế hệ"), N_("Chuyên dùng công vụ"), N_("Từ ngày"), N_("Đến ngày")),
    *(N_("Phương tiện"), N_("Số hiệu thiết bị"), N_("Trạng thái"), N_("Chủ thể"), N_("Mã cán bộ")),
    *(N_("Họ và tên"), N_("Đơn vị")),
)


@blueprint.get("/outside")
@permission(Permission.CERTIFICATE_IMPORT)
def index(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The lists, each with its figure; what waits for a person's word comes first."""
    tab, status, text = _filter()
    return render_template(
        "outside/index.html",
        figures=services().outside.figures(actor()),
        tab=tab,
        status=status,
        text=text,
        page=services().outside.page(
            actor(), tab, status=status, text=text, after=number_in_query("after"), limit=PAGE_SIZE
        ),
        errors=errors,
        **_WORDS,
    )


@blueprint.get("/outside.<any(csv, xlsx):kind>")
@permission(Permission.CERTIFICATE_IMPORT)
def export(kind: str) -> ResponseReturnValue:
    """Exactly the list that the same address without the ending shows, all of it."""
    headings = [say(heading) for heading in _COLUMNS]
    tab, status, text = _filter()
    rows = map(_row, services().outside.every(actor(), tab, status=status, text=text))
    if kind == "csv":
        return csv_download("chung-thu-ben-ngoai", headings, rows)
    return xlsx_download("chung-thu-ben-ngoai", _("Chứng thư"), headings, rows)


@blueprint.post("/outside/confirm")
@permission(Permission.CERTIFICATE_IMPORT)
@shown_again_by(index)
def confirm() -> ResponseReturnValue:
    """The ticked proposals are right."""
    chosen = numbers_in("certificate")
    if not chosen:
        raise Invalid(N_("Hãy chọn ít nhất một chứng thư."))
    count = services().outside.confirm(actor(), chosen)
    flash(ngettext("Đã xác nhận %(num)s chứng thư.", "Đã xác nhận %(num)s chứng thư.", count), "ok")
    return redirect(url_for("outside.index", tab=Tab.PROPOSED))


@blueprint.get("/outside/<int:certificate_id>")
@permission(Permission.CERTIFICATE_IMPORT)
def show(certificate_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Everything about one certificate, and the decision whose it is."""
    found = services().outside.certificate_of(actor(), certificate_id)
    return render_template("outside/show.html", item=found, errors=errors, **_WORDS)


@blueprint.post("/outside/<int:certificate_id>/reject")
@permission(Permission.CERTIFICATE_IMPORT)
@shown_again_by(show)
def reject(certificate_id: int) -> ResponseReturnValue:
    """It is not that person's; whoever erred can assign it again."""
    services().outside.reject(actor(), certificate_id)
    flash(_("Đã gỡ chứng thư khỏi người này; có thể gán lại bất cứ lúc nào."), "ok")
    return redirect(url_for("outside.show", certificate_id=certificate_id))


@blueprint.post("/outside/<int:certificate_id>/assign")
@permission(Permission.CERTIFICATE_IMPORT)
@shown_again_by(show)
def assign(certificate_id: int) -> ResponseReturnValue:
    """It is this person's, on the actor's word."""
    services().outside.assign(actor(), certificate_id, required("person"))
    flash(_("Đã ghi nhận chủ thể của chứng thư."), "ok")
    return redirect(url_for("outside.show", certificate_id=certificate_id))


@blueprint.get("/outside/import")
@permission(Permission.CERTIFICATE_IMPORT)
def upload_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form for a file, and what was brought in of late."""
    return render_template(
        "outside/import.html",
        anchors=services().outside.anchors.anchors,
        imports=services().outside.importing.imports(actor()),
        errors=errors,
        **_WORDS,
    )


@blueprint.post("/outside/import")
@permission(Permission.CERTIFICATE_IMPORT)
@shown_again_by(upload_page)
def upload() -> ResponseReturnValue:
    """The file is looked through and kept; no certificate is stored yet."""
    with _sent() as (name, path):
        chosen = request.form.get("carrier", "")
        import_id = services().outside.importing.check(
            actor(),
            path,
            name,
            carrier=Carrier(chosen) if chosen in set(Carrier) else Carrier.UNKNOWN,
            issuer=request.form.get("issuer") or None,
        )
    return redirect(url_for("outside.found", import_id=import_id))


@blueprint.get("/outside/import/<int:import_id>")
@permission(Permission.CERTIFICATE_IMPORT)
def found(import_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """What is in the file and what would become of it; after applying, the receipt."""
    view = services().outside.importing.import_of(actor(), import_id)
    return render_template("outside/found.html", view=view, limit=SHOWN, errors=errors, **_WORDS)


@blueprint.post("/outside/import/<int:import_id>/apply")
@permission(Permission.CERTIFICATE_IMPORT)
@shown_again_by(found)
def apply(import_id: int) -> ResponseReturnValue:
    """The certificates are stored, at once or by a job."""
    job_id = services().outside.importing.apply(actor(), import_id)
    if job_id is not None:
        return redirect(url_for("jobs.show", job_id=job_id))
    flash(_("Đã ghi các chứng thư trong tệp."), "ok")
    return redirect(url_for("outside.found", import_id=import_id))


@blueprint.get("/outside/status")
@permission(Permission.CERTIFICATE_IMPORT)
def status_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Whom this installation trusts, and what their newest revocation lists are."""
    outside = services().outside
    return render_template(
        "outside/status.html",
        trusted=outside.anchors,
        lists={crl.anchor: crl for crl in outside.following.crls()},
        now=services().clock.now(),
        errors=errors,
    )


@blueprint.post("/outside/status")
@permission(Permission.CERTIFICATE_IMPORT)
@shown_again_by(status_page)
def bring_list() -> ResponseReturnValue:
    """The revocation list is kept, and its issuer's certificates stand as it says."""
    with _sent() as (_name, path):
        kept = services().outside.following.import_crl(actor(), path.read_bytes())
    flash(
        _("Đã nạp danh sách thu hồi của “%(name)s” và cập nhật trạng thái.", name=kept.anchor),
        "ok",
    )
    return redirect(url_for("outside.status_page"))


@blueprint.post("/outside/status/ask")
@permission(Permission.CERTIFICATE_IMPORT)
@shown_again_by(status_page)
def ask() -> ResponseReturnValue:
    """A job asks the issuers' responders about what is not known any more."""
    return redirect(url_for("jobs.show", job_id=services().outside.following.refresh(actor())))


def _filter() -> tuple[Tab | None, CertificateStatus | None, str]:
    """What the address asks for; words nobody knows ask for nothing."""
    tab, status = request.args.get("tab", ""), request.args.get("status", "")
    return (
        Tab(tab) if tab in set(Tab) else None,
        CertificateStatus(status) if status in set(CertificateStatus) else None,
        request.args.get("q", "").strip(),
    )


@contextmanager
def _sent() -> Iterator[tuple[str, Path]]:
    """The file of the form with its name, on this machine's disk while the block lasts."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(N_("Hãy chọn một tệp."), field="file")
    with tempfile.TemporaryDirectory(prefix="signer-outside-") as folder:
        path = Path(folder) / "sent"
        sent.save(path)
        yield clean_name(sent.filename), path


def _row(item: CertificateView) -> tuple[Value, ...]:
    row = item.row
    return (
        *(row.serial_hex.upper(), row.common_name, "; ".join(row.unit_names), row.email or ""),
        *(
            row.issuer_name,
            row.generation.value,
            say(N_("Có") if row.is_official else N_("Không")),
        ),
        *(row.not_before.astimezone(HANOI).date(), row.not_after.astimezone(HANOI).date()),
        *(
            say(CARRIER_NAMES[row.carrier]),
            row.device_number or "",
            say(STATUS_NAMES[item.status]),
        ),
        *(say(MATCH_NAMES[row.match]), item.person_code or "", item.person_name or ""),
        item.unit_name or "",
    )
