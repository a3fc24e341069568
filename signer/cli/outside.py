"""`signer outside`: certificates of other authorities, from files, without a browser."""

from pathlib import Path

import click

from signer.accounts import SYSTEM
from signer.cli import console
from signer.cli.console import _, say
from signer.clock import HANOI
from signer.errors import worded
from signer.outside.kinds import MATCH_NAMES, STATUS_NAMES, Carrier
from signer.outside.service import Tab
from signer.services import Services

_FILE = click.argument("file", type=console.FILE)
_ID = click.argument("certificate_id", type=int)


outside = click.Group(
    "outside", help=_("Chứng thư do tổ chức khác cấp: nạp, đối chiếu, trạng thái.")
)


@outside.command("import", help=_("Nạp tệp .cer, .pem, .p7b, .zip hoặc danh sách chứng thư."))
@_FILE
@click.option("--issuer", help=_("Tên tổ chức cấp trong anchors.toml, cho danh sách."))
@click.option(
    "--carrier",
    type=console.OneOf(Carrier),
    default="unknown",
    help=_("Phương tiện lưu khóa, khi tệp không nói."),
)
@click.option("--dry-run", is_flag=True, help=_("Chỉ kiểm tra, không ghi gì."))
@console.json_option
@console.with_services
def import_file(
    services: Services, file: Path, issuer: str | None, carrier: Carrier, dry_run: bool
) -> None:
    """What is refused is listed; the rest is stored."""
    importing = services.outside.importing
    import_id = importing.check(SYSTEM, file, file.name, carrier=carrier, issuer=issuer)
    view = importing.import_of(SYSTEM, import_id)
    if not dry_run and view.record.entries:
        job_id = importing.apply(SYSTEM, import_id)
        if job_id is not None:
            services.jobs.run(services.job_handlers, job_id=job_id)
    if not console.wants_json():
        for one in view.refused:
            message = worded(_, one.sentence, one.values)
            say(f"{one.place} {one.column}: {message} {one.value}".rstrip())
    counts = dict.fromkeys(("new", "known", "certain", "proposed", "unmatched"), 0) | view.counts
    console.answer(
        {"import": import_id, "refused": len(view.refused), **counts},
        _(
            "%(new)d mới, %(known)d đã có; %(certain)d xác định được chủ thể, "
            "%(proposed)d chờ xác nhận, %(unmatched)d chưa xác định; %(refused)d không nhận."
        ),
    )
    if dry_run and not console.wants_json():
        say(_("Mới kiểm tra; chưa ghi gì vào hệ thống."))


@outside.command("list", help=_("Liệt kê chứng thư theo danh sách."))
@click.option("--tab", type=console.OneOf(Tab), help=_("Chỉ một danh sách."))
@console.listing()
def list_certificates(services: Services, tab: Tab | None) -> console.Rows:
    """Every certificate of the list, the newest first."""
    names = ("id", "serial_hex", "common_name", "anchor", "not_after", "match")
    for view in services.outside.every(SYSTEM, tab):
        row, more = view.row, console.facts(view, "status", "person_code")
        end, status = row.not_after.astimezone(HANOI), _(STATUS_NAMES[view.status])
        found = f"{row.id:>7} {row.serial_hex.upper():<18} {row.common_name:<28} {end:%d/%m/%Y}"
        line = f"{found} {status:<20} {_(MATCH_NAMES[row.match])} {view.person_code or ''}"
        yield console.facts(row, *names) | more, line


@outside.command("confirm", help=_("Xác nhận các đề xuất là đúng người."))
@click.argument("ids", type=int, nargs=-1, required=True)
@console.with_services
def confirm(services: Services, ids: tuple[int, ...]) -> None:
    """These proposals are right."""
    say(_("Đã xác nhận %(count)d chứng thư."), count=services.outside.confirm(SYSTEM, ids))


@outside.command("assign", help=_("Gán một chứng thư cho người mang mã cán bộ này."))
@_ID
@click.argument("person_code")
@console.with_services
def assign(services: Services, certificate_id: int, person_code: str) -> None:
    """The certificate is this person's."""
    services.outside.assign(SYSTEM, certificate_id, person_code)


@outside.command("reject", help=_("Gỡ một chứng thư khỏi người đang được ghi là chủ thể."))
@_ID
@console.with_services
def reject(services: Services, certificate_id: int) -> None:
    """It is not that person's."""
    services.outside.reject(SYSTEM, certificate_id)


@outside.command("crl", help=_("Nạp danh sách thu hồi (.crl) do tổ chức cấp công bố."))
@_FILE
@console.with_services
def bring_crl(services: Services, file: Path) -> None:
    """The issuer's certificates stand as the list says."""
    kept = services.outside.following.import_crl(SYSTEM, file.read_bytes())
    told = _("Đã nạp danh sách thu hồi của “%(name)s”: %(count)d chứng thư bị thu hồi.")
    say(told, name=kept.anchor, count=kept.entries)


@outside.command("ask", help=_("Hỏi OCSP về các chứng thư chưa rõ trạng thái."))
@console.with_services
def ask(services: Services) -> None:
    """Only addresses of anchors.toml are asked."""
    job_id = services.outside.following.refresh(SYSTEM)
    done = services.jobs.run(services.job_handlers, job_id=job_id)
    say(_("Đã hỏi trạng thái %(count)d chứng thư."), count=done)


@outside.command("sweep", help=_("Đối chiếu lại với danh sách nhân sự và anchors.toml."))
@console.with_services
def sweep(services: Services) -> None:
    """Certificates agree with the roster and the settings; the worker does the same by itself."""
    say(_("%(count)d chứng thư có thay đổi."), count=services.outside.following.sweep())
