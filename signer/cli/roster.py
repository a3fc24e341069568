"""`signer roster`: lists of people as units send them: checked, stored, taken back."""

from datetime import date
from pathlib import Path

import click

from signer.accounts import SYSTEM
from signer.cli.console import (
    DAY,
    FILE,
    _,
    facts,
    json_option,
    say,
    show_json,
    wants_json,
    with_services,
    work_off,
)
from signer.errors import worded
from signer.inventory.fields import Field
from signer.inventory.planning import RosterPlan
from signer.services import Services

_number = click.argument("import_id", type=int)


@click.group(help=_("Danh sách cán bộ, công chức, viên chức do đơn vị gửi."))
def roster() -> None:
    """Commands about rosters."""


@roster.command("import", help=_("Nạp danh sách từ tệp .xlsx, .xls, .ods hoặc .csv."))
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help=_("Chỉ kiểm tra, không ghi gì."))
@click.option("--as-of", type=DAY, help=_("Ngày mà danh sách nói tới; bỏ trống là hôm nay."))
@click.option("--full-unit", help=_("Mã đơn vị mà tệp này liệt kê đủ người."))
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="A=code",
    help=_("Nội dung của một cột, thay cho cách hiểu tiêu đề; lặp lại cho từng cột."),
)
@json_option
@with_services
def import_roster(
    services: Services,
    file: Path,
    dry_run: bool,
    as_of: date | None,
    full_unit: str | None,
    columns: tuple[str, ...],
) -> int:
    """The valid rows are stored; rows with errors are listed and change nothing."""
    rosters = services.inventory.rosters
    checked = rosters.dry_run(SYSTEM, file, file.name, as_of, full_unit=full_unit)
    if columns:
        chosen = dict(map(_column, columns))
        guessed = {h.letter: h.field for h in checked.plan.headings}
        said = {a: f for a, f in guessed.items() if f not in chosen.values()} | chosen
        checked = rosters.recheck(SYSTEM, checked.import_id, said)
    plan, import_id = checked.plan, checked.import_id
    failed = 0
    if not dry_run and not plan.missing:
        failed = _work_off(services, rosters.start(SYSTEM, import_id), _("Đang ghi danh sách"))
    if wants_json():
        show_json(plan.to_json())
    else:
        _show_plan(plan, dry_run)
        say(_("Lần nạp số %(id)d."), id=import_id)
    return failed or int(bool(plan.missing))


@roster.command("undo", help=_("Hoàn tác một lần nạp trong 24 giờ, khi chưa có việc nào gắn vào."))
@_number
@with_services
def undo(services: Services, import_id: int) -> int:
    """People and their history are as before the import."""
    job_id = services.inventory.rosters.undo(SYSTEM, import_id)
    failed = _work_off(services, job_id, _("Đang hoàn tác"))
    if not failed:
        say(_("Đã hoàn tác lần nạp số %(id)d."), id=import_id)
    return failed


@roster.command("errors", help=_("Lưu các dòng lỗi thành tệp .xlsx để sửa rồi nạp lại."))
@_number
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_services
def errors(services: Services, import_id: int, file: Path) -> None:
    """The refused rows, each with what is wrong in it."""
    file.write_bytes(services.inventory.rosters.corrections(SYSTEM, import_id, _))


def _column(said: str) -> tuple[str, Field | None]:
    letter, _equals, name = said.partition("=")
    if name and name not in set(Field):
        raise click.BadParameter(
            _("Không có nội dung cột nào tên là “%(name)s”; chọn một trong: %(names)s.")
            % {"name": name, "names": ", ".join(Field)}
        )
    return letter.strip().upper(), Field(name) if name else None


def _work_off(services: Services, job_id: int, label: str) -> int:
    """1 when a part of the job failed, with the reason on standard error; else 0."""
    done = work_off(services, job_id, label)
    for failure in services.jobs.failures(job_id):
        say(worded(_, failure.sentence, failure.values), err=True)
    return int(done.failed > 0)


def _show_plan(plan: RosterPlan, dry_run: bool) -> None:
    for findings, kind in ((plan.errors, _("Lỗi")), (plan.warnings, _("Lưu ý"))):
        for finding in findings:
            say(
                _("%(kind)s, dòng %(row)d, cột %(column)s: %(message)s (%(value)s)"),
                kind=kind,
                row=finding.row,
                column=finding.column,
                message=worded(_, finding.sentence, finding.values),
                value=finding.value,
            )
    if plan.other_lists:
        sheets = ", ".join(plan.other_lists)
        say(_("Không đọc danh sách ở các trang tính khác: %(sheets)s."), sheets=sheets)
    if plan.missing:
        needed = ", ".join(map(_, plan.missing))
        say(_("Danh sách thiếu cột bắt buộc: %(columns)s."), columns=needed)
    counts = {"errors": plan.error_rows, **facts(plan, "rows", "new", "changed", "same")}
    click.echo(
        _("%(rows)d dòng: %(new)d mới, %(changed)d thay đổi, %(same)d giữ nguyên, %(errors)d lỗi.")
        % counts
    )
    if dry_run:
        say(_("Mới kiểm tra; chưa ghi gì vào hệ thống."))
    for person in plan.absent:
        say(
            _("Không có trong danh sách: %(code)s %(name)s, %(unit)s"),
            code=person.code,
            name=person.full_name,
            unit=person.unit,
        )
