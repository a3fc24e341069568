"""`signer request`, `issue`, `expiring`: from lacking to certified, and again before it ends."""

import click

from signer.accounts import SYSTEM, Actor, Permission
from signer.cli import console
from signer.cli.console import _, say
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


request = click.Group("request", help=_("Đề nghị cấp chứng thư chữ ký số."))


@request.command(
    help=_(
        "Lập một đề nghị: cấp mới cho những người chưa được cấp, hoặc gia hạn, thay đổi thông "
        "tin, cấp lại khóa cho những người được nêu tên."
    )
)
@click.option(
    "--kind",
    type=console.OneOf(RequestKind),
    default=RequestKind.ISSUE.value,
    show_default=True,
    help=_("Loại đề nghị: cấp mới, gia hạn, thay đổi thông tin, cấp lại khóa."),
)
@click.option("--unit", help=_("Mã đơn vị, gồm cả các đơn vị trực thuộc."))
@click.option("--lacking", is_flag=True, help=_("Mọi người chưa được cấp của đơn vị."))
@click.option("--person", "codes", multiple=True, help=_("Mã cán bộ; dùng được nhiều lần."))
@click.argument("more_codes", nargs=-1)
@click.option("--reason", default=None, help=_("Lý do đề nghị."))
@console.json_option
@console.as_officer
def create(
    services: Services,
    actor: Actor,
    kind: RequestKind,
    unit: str | None,
    lacking: bool,
    codes: tuple[str, ...],
    more_codes: tuple[str, ...],
    reason: str | None,
) -> int:
    """One request; people who cannot be asked for are listed with the reason."""
    actor.require(Permission.REQUEST_CREATE)
    if unit and not lacking:
        raise Invalid(N_("Cùng với --unit cần có --lacking."))
    made = services.issuance.create(
        actor,
        unit_code=unit,
        lacking=lacking,
        person_codes=(*codes, *more_codes),
        reason=reason or _(KIND_REASONS[kind]),
        kind=kind,
    )
    if console.wants_json():
        refused = console.refused_rows(made.refused)
        console.show_json({"id": made.id, "persons": made.persons, "refused": refused})
    else:
        console.show_refused(made.refused)
        if made.id is not None:
            say(_("Đề nghị số %(id)d: %(persons)d người."), id=made.id, persons=made.persons)
    if made.id is None:
        say(_("Không có ai đủ điều kiện nên không lập đề nghị."), err=True)
    return int(made.id is None)


@request.command(help=_("Duyệt một đề nghị; người lập không được tự duyệt."))
@click.argument("request_id", type=int)
@click.option("--note", default="", help=_("Ghi chú."))
@console.json_option
@console.as_officer
def approve(services: Services, actor: Actor, request_id: int, note: str) -> None:
    """The request's job waits for `signer issue` or a worker."""
    actor.require(Permission.REQUEST_APPROVE)
    job_id = services.issuance.approve(actor, request_id, note)
    console.answer({"id": request_id, "job": job_id}, _("Đã duyệt đề nghị số %(id)d."))


@request.command(help=_("Không duyệt một đề nghị, có ghi lý do."))
@click.argument("request_id", type=int)
@click.option("--reason", required=True, help=_("Lý do không duyệt."))
@console.as_officer
def reject(services: Services, actor: Actor, request_id: int, reason: str) -> None:
    """The request is over; its people may be asked for again."""
    actor.require(Permission.REQUEST_APPROVE)
    services.issuance.reject(actor, request_id, reason)
    say(_("Đã từ chối đề nghị số %(id)d."), id=request_id)


@request.command("list", help=_("Liệt kê các đề nghị, mới nhất trước."))
@click.option("--state", type=click.Choice(list(STATES)), help=_("Chỉ đề nghị ở trạng thái này."))
@console.json_option
@console.with_services
def list_requests(services: Services, state: str | None) -> None:
    """The newest two hundred."""
    names = ("id", "kind", "state", "persons", "requested_by", "reason")

    def rows() -> console.Rows:
        for row in services.issuance.requests(SYSTEM, state=state, limit=200):
            asked_at = row.requested_at.isoformat()
            told = console.facts(row, *names) | {"unit": row.unit_code, "requested_at": asked_at}
            kind = f"{_(KIND_NAMES[RequestKind(row.kind)]):<20} {_(STATES[row.state]):<16}"
            yield told, f"{row.id:>6} {row.persons:>6}  {kind} {row.unit_name}"

    console.show_rows(rows())


@click.command(help=_("Cấp chứng thư cho các đề nghị đã duyệt."))
@console.json_option
@console.with_services
def issue(services: Services) -> int:
    """Everything approved is worked off; 1 when some people failed, which can be tried again."""
    SYSTEM.require(Permission.CERTIFICATE_ISSUE)
    services.issuance.issuing.resume()
    before = services.issuance.count_failed()
    with console.progress(services.jobs.waiting(), _("Đang cấp chứng thư")) as advance:
        done = services.jobs.run(services.job_handlers, on_progress=advance)
    failed = services.issuance.count_failed() - before
    console.answer(
        {"items": done, "issued": done - failed, "failed": failed},
        _("Đã xử lý %(items)d người, %(failed)d người không thành công."),
    )
    return int(failed > 0)


@click.command(
    help=_("Liệt kê chứng thư sắp hết hạn; gia hạn bằng `signer request create --kind renew`.")
)
@click.option(
    "--within",
    type=click.IntRange(1, 3650),
    metavar="DAYS",
    help=_("Số ngày tới; bỏ trống là mốc nhắc sớm nhất."),
)
@click.option("--unit", help=_("Mã đơn vị, gồm cả các đơn vị trực thuộc."))
@console.json_option
@console.with_services
def expiring(services: Services, within: int | None, unit: str | None) -> None:
    """The soonest first, each with whether it may be renewed."""
    SYSTEM.require(Permission.PERSON_VIEW)
    days = within or max(services.settings.expiry_alert_days)

    def rows() -> console.Rows:
        for row in console.every(
            lambda after: services.issuance.expiring(
                SYSTEM, within_days=days, unit_code=unit, after=after, limit=500
            )
        ):
            why_not = _(row.why_not) if row.why_not else None
            told = console.facts(row, "code", "unit_name", "email", "days_left", "may_renew") | {
                "name": row.full_name,
                "certificate": row.serial_hex,
                "not_after": row.not_after.isoformat(),
                "why_not": why_not,
            }
            person = f"{row.code:<12} {row.full_name:<28}"
            yield told, f"{row.not_after:%d/%m/%Y} {row.days_left:>5}  {person} {why_not or ''}"

    console.show_rows(rows(), _("%(count)d chứng thư hết hạn trong %(days)d ngày tới."), days=days)
