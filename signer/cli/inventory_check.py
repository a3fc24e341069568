"""`signer inventory check|recount`: are the kept figures what the rows say, and made so again."""

import click

from signer.accounts import SYSTEM, Permission
from signer.cli.console import _, progress, show_json, with_services
from signer.inventory.people import EVERYBODY, count_of
from signer.services import Services


@click.group(help=_("Số liệu về người và đơn vị."))
def inventory() -> None:
    """Commands about the figures kept of the inventory."""


@inventory.command(
    help=_("Tính lại số liệu bao phủ từ dữ liệu gốc và so sánh: mã thoát 0 khớp cả, 1 có chỗ lệch.")
)
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def check(services: Services, as_json: bool) -> int:
    """The first difference, or that there is none; nothing is changed."""
    SYSTEM.require(Permission.AUDIT_VIEW)
    with progress(count_of(SYSTEM, EVERYBODY), _("Đang tính lại số liệu bao phủ")) as advance:
        found = services.reports.first_difference(advance)
    if as_json:
        show_json({"sound": found is None, "difference": found and found.to_json()})
    elif found is None:
        click.echo(_("Số liệu bao phủ khớp với dữ liệu gốc."))
    else:
        click.echo(
            _(
                "Lệch: đơn vị %(unit)s, ngày %(day)s, nhóm %(facet)s, %(figure)s: đang lưu "
                "%(kept)s, tính lại là %(counted)s (cán bộ: %(person)s)."
            )
            % {
                "unit": found.unit_code or "–",
                "day": found.day.strftime("%d/%m/%Y"),
                "facet": found.facet.value,
                "figure": found.figure,
                "kept": found.kept,
                "counted": found.counted,
                "person": found.person_code or "–",
            }
        )
        click.echo(_("Hãy chạy “signer inventory recount” để tính lại và lưu."), err=True)
    return 0 if found is None else 1


@inventory.command(help=_("Tính lại toàn bộ số liệu bao phủ từ dữ liệu gốc và lưu."))
@with_services
def recount(services: Services) -> None:
    """Every figure, and the words of the search, are made anew; again: the same ones."""
    SYSTEM.require(Permission.AUDIT_VIEW)
    with progress(count_of(SYSTEM, EVERYBODY), _("Đang tính lại số liệu bao phủ")) as advance:
        services.inventory.index_names()
        services.reports.rebuild(advance)
    click.echo(_("Đã tính lại số liệu bao phủ."))
