"""`signer report`: freezing a period's report, its files, and whether it is what it was."""

from datetime import datetime
from pathlib import Path

import click

from signer.accounts import SYSTEM
from signer.cli.console import _, show_json, with_services
from signer.reports.columns import text_of
from signer.reports.formats import Format, file_name, rendered
from signer.reports.periods import PeriodKind
from signer.services import Services


@click.group(help=_("Báo cáo định kỳ đã chốt."))
def report() -> None:
    """Commands about frozen reports."""


@report.command("list", help=_("Liệt kê báo cáo đã chốt, mới nhất trước."))
@click.option("--unit", help=_("Mã đơn vị lập báo cáo."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def list_reports(services: Services, unit: str | None, as_json: bool) -> None:
    """The newest fifty."""
    found = services.snapshots.list(SYSTEM, unit_code=unit)
    if as_json:
        said = ("id", "frozen_by", "sha256")
        show_json(
            [
                entry.facts()
                | {name: getattr(entry, name) for name in said}
                | {"frozen_at": entry.frozen_at.isoformat()}
                for entry in found
            ]
        )
        return
    for entry in found:
        click.echo(
            f"{entry.id:>5}  {entry.period.title:<24} {entry.unit_name:<44} "
            f"v{entry.version}  {entry.frozen_by}"
        )


@report.command("freeze", help=_("Chốt báo cáo của kỳ đã kết thúc chứa ngày DAY (YYYY-MM-DD)."))
@click.argument("kind", type=click.Choice([kind.value for kind in PeriodKind]))
@click.argument("day", type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]))
@click.option("--unit", help=_("Mã đơn vị lập báo cáo."))
@click.option(
    "--corrects", type=int, default=0, help=_("Số phiên bản mới nhất đang có; 0 nếu chưa có.")
)
@click.option("--reason", default="", help=_("Lý do lập phiên bản mới."))
@with_services
def freeze(
    services: Services, kind: str, day: datetime, unit: str | None, corrects: int, reason: str
) -> None:
    """The words are the draft's, or drafted from the figures."""
    made = services.snapshots.freeze(
        SYSTEM, PeriodKind(kind), day.date(), unit_code=unit, corrects=corrects, reason=reason
    )
    click.echo(_("Đã chốt báo cáo số %(id)d.") % {"id": made})


@report.command("export", help=_("Ghi báo cáo ra tệp .docx, .pdf, .xlsx hoặc .csv."))
@click.argument("number", type=int)
@click.argument("form", type=click.Choice([form.value for form in Format]))
@click.option(
    "--to",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help=_("Thư mục ghi tệp."),
)
@with_services
def export(services: Services, number: int, form: str, folder: Path) -> None:
    """Made from the frozen figures; an existing file of that name is replaced."""
    found = services.snapshots.get(SYSTEM, number)
    file = folder / file_name(found, Format(form))
    file.write_bytes(rendered(found, Format(form)))
    click.echo(str(file))


@report.command(
    "verify", help=_("Kiểm tra báo cáo còn nguyên như lúc chốt, và nêu số liệu đã sửa sau đó.")
)
@click.argument("number", type=int)
@with_services
def verify(services: Services, number: int) -> None:
    """Exit code 1, with the error's sentence, when the bytes are not those that were frozen."""
    found, _now, changed = services.snapshots.compare(SYSTEM, number)
    click.echo(_("Báo cáo còn nguyên như lúc chốt: %(hash)s") % {"hash": found.sha256})
    for one in changed:
        before, after = (text_of(cell, one.column) for cell in (one.before, one.after))
        click.echo(f"{one.label}: {one.column.title()}: {before} -> {after}")
