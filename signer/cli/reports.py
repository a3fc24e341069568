"""`signer report`: freezing a period's report, its files, and whether it is what it was."""

from datetime import date
from pathlib import Path

import click

from signer.accounts import SYSTEM
from signer.cli import console
from signer.cli.console import _, say
from signer.reports.columns import text_of
from signer.reports.formats import Format, file_name, rendered
from signer.reports.periods import PeriodKind
from signer.services import Services

report = click.Group("report", help=_("Báo cáo định kỳ đã chốt."))


@report.command("list", help=_("Liệt kê báo cáo đã chốt, mới nhất trước."))
@click.option("--unit", help=_("Mã đơn vị lập báo cáo."))
@console.listing()
def list_reports(services: Services, unit: str | None) -> console.Rows:
    """The newest fifty."""
    for entry in services.snapshots.list(SYSTEM, unit_code=unit):
        told = entry.facts() | console.facts(entry, "id", "frozen_by", "frozen_at", "sha256")
        line = f"{entry.id:>5}  {entry.period.title:<24} {entry.unit_name:<44}"
        yield told, f"{line} v{entry.version}  {entry.frozen_by}"


@report.command("freeze", help=_("Chốt báo cáo của kỳ đã kết thúc chứa ngày DAY (YYYY-MM-DD)."))
@click.argument("kind", type=console.OneOf(PeriodKind))
@click.argument("day", type=console.DAY)
@click.option("--unit", help=_("Mã đơn vị lập báo cáo."))
@click.option(
    "--corrects", type=int, default=0, help=_("Số phiên bản mới nhất đang có; 0 nếu chưa có.")
)
@click.option("--reason", default="", help=_("Lý do lập phiên bản mới."))
@console.with_services
def freeze(
    services: Services, kind: PeriodKind, day: date, unit: str | None, corrects: int, reason: str
) -> None:
    """The words are the draft's, or drafted from the figures."""
    made = services.snapshots.freeze(
        SYSTEM, kind, day, unit_code=unit, corrects=corrects, reason=reason
    )
    say(_("Đã chốt báo cáo số %(id)d."), id=made)


@report.command("export", help=_("Ghi báo cáo ra tệp .docx, .pdf, .xlsx hoặc .csv."))
@click.argument("number", type=int)
@click.argument("form", type=console.OneOf(Format))
@click.option(
    "--to",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help=_("Thư mục ghi tệp."),
)
@console.with_services
def export(services: Services, number: int, form: Format, folder: Path) -> None:
    """Made from the frozen figures; an existing file of that name is replaced."""
    found = services.snapshots.get(SYSTEM, number)
    file = folder / file_name(found, form)
    file.write_bytes(rendered(found, form))
    click.echo(str(file))


@report.command(
    "verify", help=_("Kiểm tra báo cáo còn nguyên như lúc chốt, và nêu số liệu đã sửa sau đó.")
)
@click.argument("number", type=int)
@console.with_services
def verify(services: Services, number: int) -> None:
    """Exit code 1, with the error's sentence, when the bytes are not those that were frozen."""
    found, _now, changed = services.snapshots.compare(SYSTEM, number)
    say(_("Báo cáo còn nguyên như lúc chốt: %(hash)s"), hash=found.sha256)
    for one in changed:
        before, after = (text_of(cell, one.column) for cell in (one.before, one.after))
        click.echo(f"{one.label}: {one.column.title()}: {before} -> {after}")
