"""`signer inventory check|recount`: are the kept figures what the rows say, and made so again."""

import click

from signer.accounts import SYSTEM, Permission
from signer.cli import console
from signer.cli.console import _, progress, say
from signer.services import Services

inventory = click.Group("inventory", help=_("Số liệu về người và đơn vị."))


@inventory.command(
    help=_("Tính lại số liệu bao phủ từ dữ liệu gốc và so sánh: mã thoát 0 khớp cả, 1 có chỗ lệch.")
)
@console.json_option
@console.with_services
def check(services: Services) -> int:
    """The first difference, or that there is none; nothing is changed."""
    SYSTEM.require(Permission.AUDIT_VIEW)
    people = services.inventory.count_people(SYSTEM)
    with progress(people, _("Đang tính lại số liệu bao phủ")) as advance:
        found = services.reports.first_difference(advance)
    if console.wants_json():
        console.show_json({"sound": found is None, "difference": found and found.to_json()})
    elif found is None:
        say(_("Số liệu bao phủ khớp với dữ liệu gốc."))
    else:
        say(
            _(
                "Lệch: đơn vị %(unit)s, ngày %(day)s, nhóm %(facet)s, %(figure)s: đang lưu "
                "%(kept)s, tính lại là %(counted)s (cán bộ: %(person)s)."
            ),
            facet=found.facet.value,
            figure=found.figure,
            kept=found.kept,
            counted=found.counted,
            unit=found.unit_code or "–",
            day=found.day.strftime("%d/%m/%Y"),
            person=found.person_code or "–",
        )
        say(_("Hãy chạy “signer inventory recount” để tính lại và lưu."), err=True)
    return int(found is not None)


@inventory.command(help=_("Tính lại toàn bộ số liệu bao phủ từ dữ liệu gốc và lưu."))
@console.with_services
def recount(services: Services) -> None:
    """Every figure, and the words of the search, are made anew; again: the same ones."""
    SYSTEM.require(Permission.AUDIT_VIEW)
    people = services.inventory.count_people(SYSTEM)
    with progress(people, _("Đang tính lại số liệu bao phủ")) as advance:
        services.inventory.index_names()
        services.reports.rebuild(advance)
    say(_("Đã tính lại số liệu bao phủ."))
