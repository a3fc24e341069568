"""`signer request` and `signer issue`: from lacking to certified."""

import click

from signer.accounts import SYSTEM, Permission
from signer.cli.console import _, progress, show_json, with_services
from signer.errors import N_, Invalid
from signer.issuance.kinds import KIND_NAMES, RequestKind
from signer.services import Services

STATES = {
    "pending": N_("Chờ duyệt"),
    "approved": N_("Đã duyệt"),
    "rejected": N_("Không được duyệt"),
    "cancelled": N_("Đã rút lại"),
}

KIND_REASONS = {
    RequestKind.ISSUE: N_("Cấp chứng thư chữ ký số lần đầu"),
    RequestKind.RENEW: N_("Chứng thư chữ ký số sắp hết hạn"),
    RequestKind.CHANGE: N_("Thông tin trên chứng thư chữ ký số đã thay đổi"),
    RequestKind.REKEY: N_("Cấp lại khóa và chứng thư chữ ký số"),
}


@click.group(help=_("Đề nghị cấp chứng thư chữ ký số."))
def request() -> None:
    """Commands about requests."""


@request.command(
    help=_(
        "Lập một đề nghị: cấp mới cho những người chưa được cấp, hoặc gia hạn, thay đổi thông "
        "tin, cấp lại khóa cho những người được nêu tên."
    )
)
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in RequestKind]),
    default=RequestKind.ISSUE.value,
    show_default=True,
    help=_("Loại đề nghị: cấp mới, gia hạn, thay đổi thông tin, cấp lại khóa."),
)
@click.option("--unit", help=_("Mã đơn vị, gồm cả các đơn vị trực thuộc."))
@click.option("--lacking", is_flag=True, help=_("Mọi người chưa được cấp của đơn vị."))
@click.option("--person", "codes", multiple=True, help=_("Mã cán bộ; dùng được nhiều lần."))
@click.argument("more_codes", nargs=-1)
@click.option("--as", "account", required=True, help=_("Tài khoản lập đề nghị."))
@click.option("--reason", default=None, help=_("Lý do đề nghị."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def create(
    services: Services,
    kind: str,
    unit: str | None,
    lacking: bool,
    codes: tuple[str, ...],
    more_codes: tuple[str, ...],
    account: str,
    reason: str | None,
    as_json: bool,
) -> int:
    """One request; people who cannot be asked for are listed with the reason."""
    actor = services.accounts.actor_of(account)
    actor.require(Permission.REQUEST_CREATE)
    if unit and not lacking:
        raise Invalid(N_("Cùng với --unit cần có --lacking."))
    made = services.issuance.create(
        actor,
        unit_code=unit,
        lacking=lacking,
        person_codes=(*codes, *more_codes),
        reason=reason or _(KIND_REASONS[RequestKind(kind)]),
        kind=RequestKind(kind),
    )
    refused = [{"code": r.code, "name": r.name, "message": _(r.sentence)} for r in made.refused]
    if as_json:
        show_json({"id": made.id, "persons": made.persons, "refused": refused})
    else:
        for row in refused:
            click.echo(f"{row['code']} {row['name']}: {row['message']}", err=True)
        if made.id is not None:
            click.echo(
                _("Đề nghị số %(id)d: %(persons)d người.")
                % {"id": made.id, "persons": made.persons}
            )
    if made.id is None:
        click.echo(_("Không có ai đủ điều kiện nên không lập đề nghị."), err=True)
        return 1
    return 0


@request.command(help=_("Duyệt một đề nghị; người lập không được tự duyệt."))
@click.argument("request_id", type=int)
@click.option("--as", "account", required=True, help=_("Tài khoản duyệt."))
@click.option("--note", default="", help=_("Ghi chú."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def approve(services: Services, request_id: int, account: str, note: str, as_json: bool) -> None:
    """The request's job waits for `signer issue` or a worker."""
    actor = services.accounts.actor_of(account)
    actor.require(Permission.REQUEST_APPROVE)
    job_id = services.issuance.approve(actor, request_id, note)
    if as_json:
        show_json({"id": request_id, "job": job_id})
    else:
        click.echo(_("Đã duyệt đề nghị số %(id)d.") % {"id": request_id})


@request.command(help=_("Không duyệt một đề nghị, có ghi lý do."))
@click.argument("request_id", type=int)
@click.option("--as", "account", required=True, help=_("Tài khoản duyệt."))
@click.option("--reason", required=True, help=_("Lý do không duyệt."))
@with_services
def reject(services: Services, request_id: int, account: str, reason: str) -> None:
    """The request is over; its people may be asked for again."""
    actor = services.accounts.actor_of(account)
    actor.require(Permission.REQUEST_APPROVE)
    services.issuance.reject(actor, request_id, reason)
    click.echo(_("Đã từ chối đề nghị số %(id)d.") % {"id": request_id})


@request.command("list", help=_("Liệt kê các đề nghị, mới nhất trước."))
@click.option("--state", type=click.Choice(list(STATES)), help=_("Chỉ đề nghị ở trạng thái này."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def list_requests(services: Services, state: str | None, as_json: bool) -> None:
    """The newest two hundred."""
    found = services.issuance.requests(SYSTEM, state=state, limit=200)
    if as_json:
        rows = [
            {
                "id": row.id,
                "kind": row.kind,
                "state": row.state,
                "unit": row.unit_code,
                "persons": row.persons,
                "requested_by": row.requested_by,
                "requested_at": row.requested_at.isoformat(),
                "reason": row.reason,
            }
            for row in found
        ]
        show_json(rows)
        return
    for row in found:
        kind = _(KIND_NAMES[RequestKind(row.kind)])
        click.echo(
            f"{row.id:>6} {row.persons:>6}  {kind:<20} {_(STATES[row.state]):<16} {row.unit_name}"
        )


@click.command(help=_("Cấp chứng thư cho các đề nghị đã duyệt."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def issue(services: Services, as_json: bool) -> int:
    """Everything approved is worked off; 1 when some people failed, which can be tried again."""
    SYSTEM.require(Permission.CERTIFICATE_ISSUE)
    services.issuance.issuing.resume()
    before = services.issuance.count_failed()
    with progress(services.jobs.waiting(), _("Đang cấp chứng thư")) as advance:
        done = services.jobs.run(services.job_handlers, on_progress=advance)
    failed = services.issuance.count_failed() - before
    if as_json:
        show_json({"items": done, "issued": done - failed, "failed": failed})
    else:
        click.echo(
            _("Đã xử lý %(items)d người, %(failed)d người không thành công.")
            % {"items": done, "failed": failed}
        )
    return 1 if failed else 0
