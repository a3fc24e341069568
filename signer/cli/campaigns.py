"""`signer campaign`: sprints toward full coverage, on the terminal."""

from datetime import datetime

import click

from signer.accounts import SYSTEM
from signer.cli.console import _, with_services
from signer.reports.coverage import View
from signer.services import Services


@click.group(help=_("Chiến dịch phủ chữ ký số: mục tiêu, tiến độ, nhiệm vụ, chấm điểm, lời nhắc."))
def campaign() -> None:
    """Commands about sprints."""


@campaign.command(name="list", help=_("Liệt kê các chiến dịch."))
@with_services
def show_all(services: Services) -> None:
    """The running first."""
    for one in services.campaigns.campaigns(SYSTEM):
        mark = "*" if services.campaigns.is_running(one) else " "
        click.echo(
            f"{one.id:>4} {mark} {one.starts_on:%d/%m/%Y} – {one.ends_on:%d/%m/%Y} "
            f"{one.target_percent:>4}%  {one.name}"
        )


@campaign.command(help=_("Mở một chiến dịch cho một đơn vị và mọi đơn vị trực thuộc."))
@click.argument("name")
@click.option("--unit", required=True, help=_("Mã đơn vị, gồm cả các đơn vị trực thuộc."))
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help=_("Ngày bắt đầu."))
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help=_("Ngày kết thúc."))
@click.option(
    "--target",
    default=100,
    show_default=True,
    type=click.IntRange(1, 100),
    help=_("Mục tiêu, tính bằng phần trăm."),
)
@with_services
def start(
    services: Services,
    name: str,
    unit: str,
    first: datetime | None,
    last: datetime | None,
    target: int,
) -> None:
    """Prints the number of the new campaign."""
    made = services.campaigns.start(
        SYSTEM,
        name=name,
        unit_code=unit,
        target_percent=target,
        starts_on=first.date() if first else None,
        ends_on=last.date() if last else None,
    )
    click.echo(_("Đã mở chiến dịch số %(id)d.") % {"id": made})


@campaign.command(help=_("Cho biết tiến độ, đơn vị còn thiếu ít đứng trước."))
@click.argument("campaign_id", type=int)
@click.option("--unit", help=_("Mã đơn vị, gồm cả các đơn vị trực thuộc."))
@with_services
def board(services: Services, campaign_id: int, unit: str | None) -> None:
    """How far, who is behind."""
    drawn = services.campaigns.board(SYSTEM, campaign_id, unit_code=unit)
    told = {"left": drawn.days_left, "gap": drawn.figures.gap, "persons": drawn.figures.persons}
    click.echo(_("Còn %(left)d ngày; còn thiếu %(gap)d trên %(persons)d người.") % told)
    for line in drawn.lines:
        click.echo(
            f"{line.figures.gap:>7} / {line.figures.persons:<7} {line.behind:>5}  "
            f"{line.code:<8} {line.name}"
        )


@campaign.command(help=_("Cho biết xếp hạng theo bảng chấm điểm."))
@click.argument("campaign_id", type=int)
@with_services
def scores(services: Services, campaign_id: int) -> None:
    """The best first."""
    found = services.campaigns.campaign_of(SYSTEM, campaign_id)
    for row in services.campaigns.scoring.table(SYSTEM, found):
        click.echo(
            f"{row.rank:>4} {row.climbed:>+4} {row.points:>7} / {row.most_points:<4} "
            f"{row.unit.code:<8} {row.unit.name}"
        )


@campaign.command(help=_("Nhắc một đơn vị; lời nhắc hiện trên trang chính của cán bộ đầu mối."))
@click.argument("unit")
@click.option(
    "--about",
    type=click.Choice([view.value for view in View]),
    default=View.LACKS.value,
    show_default=True,
    help=_("Danh sách người mà lời nhắc nói đến."),
)
@click.option("--message", default="", help=_("Lời nhắn thêm."))
@with_services
def remind(services: Services, unit: str, about: str, message: str) -> None:
    """No mail is sent."""
    sent = services.campaigns.remind(SYSTEM, unit, View(about), message)
    click.echo(
        _("Đã nhắc %(unit)s về %(count)d người.") % {"unit": sent.unit.name, "count": sent.persons}
    )
