"""`signer expiring`: whose certificate runs out, before it does."""

import click

from signer.accounts import SYSTEM, Permission
from signer.cli.console import _, show_json, with_services
from signer.issuance.expiring import ExpiringView
from signer.services import Services

_PAGE = 500


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
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def expiring(services: Services, within: int | None, unit: str | None, as_json: bool) -> None:
    """The soonest first, each with whether it may be renewed."""
    SYSTEM.require(Permission.PERSON_VIEW)
    within = within or max(services.settings.expiry_alert_days)
    rows: list[ExpiringView] = []
    after = None
    while True:
        page = services.issuance.expiring(
            SYSTEM, within_days=within, unit_code=unit, after=after, limit=_PAGE
        )
        rows += page.items
        after = page.next
        if after is None:
            break
    if as_json:
        show_json([_told(row) for row in rows])
        return
    for row in rows:
        why_not = _(row.why_not) if row.why_not else ""
        click.echo(
            f"{row.not_after:%d/%m/%Y} {row.days_left:>5}  {row.code:<12} {row.full_name:<28} "
            f"{why_not}".rstrip()
        )
    told = {"count": len(rows), "days": within}
    click.echo(_("%(count)d chứng thư hết hạn trong %(days)d ngày tới.") % told)


def _told(row: ExpiringView) -> dict[str, object]:
    return {
        "code": row.code,
        "name": row.full_name,
        "unit_name": row.unit_name,
        "email": row.email,
        "certificate": row.serial_hex,
        "not_after": row.not_after.isoformat(),
        "days_left": row.days_left,
        "may_renew": row.may_renew,
        "why_not": _(row.why_not) if row.why_not else None,
    }
