"""`signer outside`: certificates of other authorities, from files, without a browser."""

from pathlib import Path

import click

from signer.accounts import SYSTEM
from signer.cli.console import _, show_json, with_services
from signer.clock import HANOI
from signer.outside.kinds import MATCH_NAMES, STATUS_NAMES, Carrier
from signer.outside.service import Tab
from signer.services import Services

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))


@click.group(help=_("Chứng thư do tổ chức khác cấp: nạp, đối chiếu, trạng thái."))
def outside() -> None:
    """Commands about certificates from outside."""


@outside.command("import", help=_("Nạp tệp .cer, .pem, .p7b, .zip hoặc danh sách chứng thư."))
@_FILE
@click.option("--issuer", help=_("Tên tổ chức cấp trong anchors.toml, cho danh sách."))
@click.option(
    "--carrier",
    type=click.Choice([c.value for c in Carrier]),
    default="unknown",
    help=_("Phương tiện lưu khóa, khi tệp không nói."),
)
@click.option("--dry-run", is_flag=True, help=_("Chỉ kiểm tra, không ghi gì."))
@_JSON
@with_services
def import_file(
    services: Services, file: Path, issuer: str | None, carrier: str, dry_run: bool, as_json: bool
) -> int:
    """What is refused is listed; the rest is stored."""
    importing = services.outside.importing
    import_id = importing.check(SYSTEM, file, file.name, carrier=Carrier(carrier), issuer=issuer)
    view = importing.import_of(SYSTEM, import_id)
    if not dry_run and view.record.entries:
        job_id = importing.apply(SYSTEM, import_id)
        if job_id is not None:
            services.jobs.run(services.job_handlers, job_id=job_id)
    if as_json:
        show_json({"import": import_id, "refused": len(view.refused), **view.counts})
        return 0
    for one in view.refused:
        message = _(one.sentence) % one.values if one.values else _(one.sentence)
        click.echo(f"{one.place} {one.column}: {message} {one.value}".rstrip())
    told = {"new": 0, "known": 0, "certain": 0, "proposed": 0, "unmatched": 0, **view.counts}
    click.echo(
        _(
            "%(new)d mới, %(known)d đã có; %(certain)d xác định được chủ thể, "
            "%(proposed)d chờ xác nhận, %(unmatched)d chưa xác định; %(refused)d không nhận."
        )
        % {**told, "refused": len(view.refused)}
    )
    if dry_run:
        click.echo(_("Mới kiểm tra; chưa ghi gì vào hệ thống."))
    return 0


@outside.command("list", help=_("Liệt kê chứng thư theo danh sách."))
@click.option("--tab", type=click.Choice([tab.value for tab in Tab]), help=_("Chỉ một danh sách."))
@_JSON
@with_services
def list_certificates(services: Services, tab: str | None, as_json: bool) -> None:
    """Every certificate of the list, the newest first."""
    found = services.outside.every(SYSTEM, Tab(tab) if tab else None)
    if as_json:
        names = ("id", "serial_hex", "common_name", "anchor", "not_after", "match")
        show_json(
            [
                {name: getattr(view.row, name) for name in names}
                | {"status": view.status, "person_code": view.person_code}
                for view in found
            ]
        )
        return
    for view in found:
        row = view.row
        click.echo(
            f"{row.id:>7} {row.serial_hex.upper():<18} {row.common_name:<28} "
            f"{row.not_after.astimezone(HANOI):%d/%m/%Y} {_(STATUS_NAMES[view.status]):<20} "
            f"{_(MATCH_NAMES[row.match])} {view.person_code or ''}".rstrip()
        )


@outside.command("confirm", help=_("Xác nhận các đề xuất là đúng người."))
@click.argument("ids", type=int, nargs=-1, required=True)
@with_services
def confirm(services: Services, ids: tuple[int, ...]) -> None:
    """These proposals are right."""
    count = services.outside.confirm(SYSTEM, ids)
    click.echo(_("Đã xác nhận %(count)d chứng thư.") % {"count": count})


@outside.command("assign", help=_("Gán một chứng thư cho người mang mã cán bộ này."))
@click.argument("certificate_id", type=int)
@click.argument("person_code")
@with_services
def assign(services: Services, certificate_id: int, person_code: str) -> None:
    """The certificate is this person's."""
    services.outside.assign(SYSTEM, certificate_id, person_code)


@outside.command("reject", help=_("Gỡ một chứng thư khỏi người đang được ghi là chủ thể."))
@click.argument("certificate_id", type=int)
@with_services
def reject(services: Services, certificate_id: int) -> None:
    """It is not that person's."""
    services.outside.reject(SYSTEM, certificate_id)


@outside.command("crl", help=_("Nạp danh sách thu hồi (.crl) do tổ chức cấp công bố."))
@_FILE
@with_services
def bring_crl(services: Services, file: Path) -> None:
    """The issuer's certificates stand as the list says."""
    kept = services.outside.following.import_crl(SYSTEM, file.read_bytes())
    click.echo(
        _("Đã nạp danh sách thu hồi của “%(name)s”: %(count)d chứng thư bị thu hồi.")
        % {"name": kept.anchor, "count": kept.entries}
    )


@outside.command("ask", help=_("Hỏi OCSP về các chứng thư chưa rõ trạng thái."))
@with_services
def ask(services: Services) -> None:
    """Only addresses of anchors.toml are asked."""
    job_id = services.outside.following.refresh(SYSTEM)
    done = services.jobs.run(services.job_handlers, job_id=job_id)
    click.echo(_("Đã hỏi trạng thái %(count)d chứng thư.") % {"count": done})


@outside.command("sweep", help=_("Đối chiếu lại với danh sách nhân sự và anchors.toml."))
@with_services
def sweep(services: Services) -> None:
    """Certificates agree with the roster and the settings; the worker does the same by itself."""
    count = services.outside.following.sweep()
    click.echo(_("%(count)d chứng thư có thay đổi.") % {"count": count})
