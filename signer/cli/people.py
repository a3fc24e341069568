"""`signer person`, `signer coverage`: who there is, and who lacks what."""

from datetime import date

import click

from signer.accounts import SYSTEM
from signer.cli.console import _, language, show_json, with_services
from signer.inventory.people import PeopleFilter
from signer.issuance.states import STATE_NAMES
from signer.reports.wording import rate_text
from signer.services import Services


@click.group(help=_("Cán bộ, công chức, viên chức."))
def person() -> None:
    """Commands about people."""


@person.command("list", help=_("Liệt kê người của một đơn vị và các đơn vị trực thuộc."))
@click.option("--unit", help=_("Mã đơn vị; bỏ trống là toàn thành phố."))
@click.option("--lacking", "state", flag_value="lacking", help=_("Chỉ người chưa được cấp."))
@click.option("--covered", "state", flag_value="covered", help=_("Chỉ người đã được cấp."))
@click.option("--search", help=_("Đầu các từ trong tên, không cần dấu; hoặc đầu mã, thư điện tử."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def list_people(
    services: Services, unit: str | None, state: str | None, search: str | None, as_json: bool
) -> None:
    """Every person of the subtree with the state of the certificate."""
    path = services.inventory.unit_of(unit).path if unit else None
    asked = PeopleFilter(unit_path=path, search=search)
    rows = []
    for people, states in services.issuance.each_of_people(SYSTEM, asked, state=state):
        units = services.inventory.units_by_ids({found.unit_id for found in people})
        for found in people:
            standing, where = states[found.id], units[found.unit_id]
            rows.append(
                {
                    "code": found.code,
                    "name": found.full_name,
                    "unit": where.code,
                    "state": standing.state.value,
                    "certificate": standing.serial_hex,
                }
            )
            if not as_json:
                click.echo(
                    f"{found.code:<12} {found.full_name:<28} {where.name:<45} "
                    f"{_(STATE_NAMES[standing.state])}"
                )
    if as_json:
        show_json(rows)
    else:
        click.echo(_("Tổng cộng: %(count)d người.") % {"count": len(rows)})


@click.command(help=_("Tỷ lệ người đã có chứng thư chữ ký số, theo đơn vị."))
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]), help=_("Tính đến ngày."))
@click.option("--unit", help=_("Mã đơn vị; bỏ trống là toàn thành phố."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def coverage(services: Services, as_of: date | None, unit: str | None, as_json: bool) -> None:
    """The figures of a day, units with the largest gap first."""
    day = as_of.date() if as_of else None  # type: ignore[attr-defined]  # click gives a datetime
    figures = services.reports.coverage(SYSTEM, as_of=day, unit_code=unit)
    if as_json:
        show_json(figures.to_json())
        return
    for row in figures.units:
        rate = rate_text(row.rate, language())
        click.echo(f"{row.code:<12} {row.name:<50} {row.covered:>7}/{row.persons:<7} {rate}")
    click.echo(
        _("Tính đến %(day)s: %(covered)d/%(persons)d người, đạt %(rate)s")
        % {
            "day": figures.as_of.strftime("%d/%m/%Y"),
            "covered": figures.covered,
            "persons": figures.persons,
            "rate": rate_text(figures.rate, language()),
        }
    )
