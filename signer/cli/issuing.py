"""`signer request`, `issue`, `expiring`: from lacking to certified, and again before it ends."""

from typing import Any

import click

from signer.accounts import SYSTEM, Actor, Permission
from signer.cli import console
from signer.cli.console import _, say
from signer.clock import HANOI
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
@click.option("--unit", "unit_code", help=_("Mã đơn vị, gồm cả các đơn vị trực thuộc."))
@click.option("--lacking", is_flag=True, help=_("Mọi người chưa được cấp của đơn vị."))
@click.option("--person", "codes", multiple=True, help=_("Mã cán bộ; dùng được nhiều lần."))
@click.argument("more_codes", nargs=-1)
@click.option("--reason", default=None, help=_("Lý do đề nghị."))
@console.json_option
@console.as_officer(Permission.REQUEST_CREATE)
def create(
    services: Services,
    actor: Actor,
    kind: RequestKind,
    codes: tuple[str, ...],
    more_codes: tuple[str, ...],
    reason: str | None,
    **whom: Any,
) -> int:
    """One request; people who cannot be asked for are listed with the reason."""
    if whom["unit_code"] and not whom["lacking"]:
        raise Invalid(N_("Cùng với --unit cần có --lacking."))
    reason, people = reason or _(KIND_REASONS[kind]), (*codes, *more_codes)
    made = services.issuance.create(actor, person_codes=people, reason=reason, kind=kind, **whom)
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
@console.as_officer(Permission.REQUEST_APPROVE)
def approve(services: Services, actor: Actor, request_id: int, note: str) -> None:
    """The request's job waits for `signer issue` or a worker."""
    job_id = services.issuance.approve(actor, request_id, note)
    console.answer({"id": request_id, "job": job_id}, _("Đã duyệt đề nghị số %(id)d."))


@request.command(help=_("Không duyệt một đề nghị, có ghi lý do."))
@click.argument("request_id", type=int)
@click.option("--reason", required=True, help=_("Lý do không duyệt."))
@console.as_officer(Permission.REQUEST_APPROVE)
def reject(services: Services, actor: Actor, request_id: int, reason: str) -> None:
    """The request is over; its people may be asked for again."""
    services.issuance.reject(actor, request_id, reason)
    say(_("Đã từ chối đề nghị số %(id)d."), id=request_id)


@request.command("list", help=_("Liệt kê các đề nghị, mới nhất trước."))
@click.option("--state", type=click.Choice(list(STATES)), help=_("Chỉ đề nghị ở trạng thái này."))
@console.listing()
def list_requests(services: Services, state: str | None) -> console.Rows:
    """The newest two hundred."""
    names = ("id", "kind", "state", "persons", "requested_by", "requested_at", "reason")
    for row in services.issuance.requests(SYSTEM, state=state, limit=200):
        kind = f"{_(KIND_NAMES[RequestKind(row.kind)]):<20} {_(STATES[row.state]):<16}"
        line = f"{row.id:>6} {row.persons:>6}  {kind} {row.unit_name}"
        yield console.facts(row, *names, unit="unit_code"), line


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
@console.listing(_("Tổng cộng: %(count)d chứng thư."))
def expiring(services: Services, within: int | None, unit: str | None) -> console.Rows:
    """The soonest first, each with whether it may be renewed."""
    SYSTEM.require(Permission.PERSON_VIEW)
    days = within or max(services.settings.expiry_alert_days)
    names = ("code", "unit_name", "email", "not_after", "days_left", "may_renew")
    for row in console.every(
        lambda after: services.issuance.expiring(
            SYSTEM, within_days=days, unit_code=unit, after=after, limit=500
        )
    ):
        told = console.facts(row, *names, name="full_name", certificate="serial_hex")
        why_not = _(row.why_not) if row.why_not else None
        end = f"{row.not_after.astimezone(HANOI):%d/%m/%Y} {row.days_left:>5}"
        line = f"{end}  {row.code:<12} {row.full_name:<28} {why_not or ''}"
        yield told | {"why_not": why_not}, line
