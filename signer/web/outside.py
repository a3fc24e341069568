"""Certificates from outside: bringing them in, saying whose they are, and how they stand."""

from contextlib import AbstractContextManager
from pathlib import Path

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from signer.accounts import Permission
from signer.doors import saved
from signer.errors import N_, Invalid
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
from signer.outside.service import TAB_NAMES, Tab
from signer.services import services
from signer.web.access import actor
from signer.web.forms import FormError, number_in_query, numbers_in, required
from signer.web.pages import Pages, told

blueprint = Pages("outside", __name__)
_IMPORT = Permission.CERTIFICATE_IMPORT

PAGE_SIZE = 50
_WORDS = {
    "tabs": TAB_NAMES,
    "statuses": STATUS_NAMES,
    "matches": MATCH_NAMES,
    "reasons": MATCH_REASONS,
    "carriers": CARRIER_NAMES,
    "owners": OWNER_NAMES,
}


@blueprint.page("/outside", _IMPORT)
def index(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The lists, each with its figure; what waits for a person's word comes first."""
    tab, status, text = list_asked()
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


@blueprint.form("/outside/confirm", _IMPORT, again=index)
def confirm() -> ResponseReturnValue:
    """The ticked proposals are right."""
    chosen = numbers_in("certificate")
    if not chosen:
        raise Invalid(N_("Hãy chọn ít nhất một chứng thư."))
    count = services().outside.confirm(actor(), chosen)
    flash(ngettext("Đã xác nhận %(num)s chứng thư.", "Đã xác nhận %(num)s chứng thư.", count), "ok")
    return redirect(url_for(".index", tab=Tab.PROPOSED))


@blueprint.page("/outside/<int:certificate_id>", _IMPORT)
def show(certificate_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Everything about one certificate, and the decision whose it is."""
    found = services().outside.certificate_of(actor(), certificate_id)
    return render_template("outside/show.html", item=found, errors=errors, **_WORDS)


@blueprint.form("/outside/<int:certificate_id>/reject", _IMPORT, again=show)
def reject(certificate_id: int) -> None:
    """It is not that person's; whoever erred can assign it again."""
    services().outside.reject(actor(), certificate_id)
    flash(_("Đã gỡ chứng thư khỏi người này; có thể gán lại bất cứ lúc nào."), "ok")


@blueprint.form("/outside/<int:certificate_id>/assign", _IMPORT, again=show)
def assign(certificate_id: int) -> None:
    """It is this person's, on the actor's word."""
    services().outside.assign(actor(), certificate_id, required("person"))
    flash(_("Đã ghi nhận chủ thể của chứng thư."), "ok")


@blueprint.page("/outside/import", _IMPORT)
def upload_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form for a file, and what was brought in of late."""
    return render_template(
        "outside/import.html",
        anchors=services().outside.anchors.anchors,
        imports=services().outside.importing.imports(actor()),
        errors=errors,
        **_WORDS,
    )


@blueprint.form("/outside/import", _IMPORT, again=upload_page)
def upload() -> ResponseReturnValue:
    """The file is looked through and kept; no certificate is stored yet."""
    with _sent() as [(name, path)]:
        chosen = request.form.get("carrier", "")
        import_id = services().outside.importing.check(
            actor(),
            path,
            name,
            carrier=Carrier(chosen) if chosen in set(Carrier) else Carrier.UNKNOWN,
            issuer=request.form.get("issuer") or None,
        )
    return redirect(url_for(".found", import_id=import_id))


@blueprint.page("/outside/import/<int:import_id>", _IMPORT)
def found(import_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """What is in the file and what would become of it; after applying, the receipt."""
    view = services().outside.importing.import_of(actor(), import_id)
    return render_template("outside/found.html", view=view, limit=SHOWN, errors=errors, **_WORDS)


@blueprint.form("/outside/import/<int:import_id>/apply", _IMPORT, again=found)
def apply(import_id: int) -> ResponseReturnValue:
    """The certificates are stored, at once or by a job."""
    job_id = services().outside.importing.apply(actor(), import_id)
    if job_id is not None:
        return redirect(url_for("jobs.show", job_id=job_id))
    return told(_("Đã ghi các chứng thư trong tệp."), ".found", import_id=import_id)


@blueprint.page("/outside/status", _IMPORT)
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


@blueprint.form("/outside/status", _IMPORT, again=status_page)
def bring_list() -> ResponseReturnValue:
    """The revocation list is kept, and its issuer's certificates stand as it says."""
    with _sent() as [(_name, path)]:
        kept = services().outside.following.import_crl(actor(), path.read_bytes())
    flash(
        _("Đã nạp danh sách thu hồi của “%(name)s” và cập nhật trạng thái.", name=kept.anchor), "ok"
    )
    return redirect(url_for(".status_page"))


@blueprint.form("/outside/status/ask", _IMPORT, again=status_page)
def ask() -> ResponseReturnValue:
    """A job asks the issuers' responders about what is not known any more."""
    return redirect(url_for("jobs.show", job_id=services().outside.following.refresh(actor())))


def list_asked() -> tuple[Tab | None, CertificateStatus | None, str]:
    """What the address asks for; words nobody knows ask for nothing."""
    tab, status = request.args.get("tab", ""), request.args.get("status", "")
    return (
        Tab(tab) if tab in set(Tab) else None,
        CertificateStatus(status) if status in set(CertificateStatus) else None,
        request.args.get("q", "").strip(),
    )


def _sent() -> AbstractContextManager[list[tuple[str, Path]]]:
    """The file of the form with its name, on this machine's disk while the block lasts."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(N_("Hãy chọn một tệp."), field="file")
    return saved([sent], "file")
