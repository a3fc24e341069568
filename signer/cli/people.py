"""`signer person`, `duplicate`, `policy`, `coverage`: who there is, who counts, who lacks what."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import click

from signer.accounts import SYSTEM, Actor, Permission
from signer.cli import console
from signer.cli.console import _, language, say
from signer.errors import N_, Invalid, worded
from signer.inventory.duplicates import Duplicates
from signer.inventory.fields import Field
from signer.inventory.people import PeopleFilter
from signer.inventory.persons import FIELDS
from signer.inventory.policy import DECIDED, rules
from signer.inventory.states import Consequence, PersonState
from signer.issuance.states import STATE_NAMES
from signer.reports.wording import rate_text
from signer.services import Services

_PAGE = 200


person = click.Group("person", help=_("Cán bộ, công chức, viên chức."))


@person.command("list", help=_("Liệt kê người của một đơn vị và các đơn vị trực thuộc."))
@console.unit_option
@click.option("--lacking", "state", flag_value="lacking", help=_("Chỉ người chưa được cấp."))
@click.option("--covered", "state", flag_value="covered", help=_("Chỉ người đã được cấp."))
@click.option("--search", help=_("Đầu các từ trong tên, không cần dấu; hoặc đầu mã, thư điện tử."))
@console.listing(_("Tổng cộng: %(count)d người."))
def list_people(
    services: Services, unit: str | None, state: str | None, search: str | None
) -> console.Rows:
    """Every person of the subtree with the state of the certificate."""
    path = services.inventory.unit_of(unit).path if unit else None
    asked = PeopleFilter(unit_path=path, search=search)
    for people, states in services.issuance.each_of_people(SYSTEM, asked, state=state):
        units = services.inventory.units_by_ids({found.unit_id for found in people})
        for found in people:
            standing, where = states[found.id], units[found.unit_id]
            told = console.facts(found, "code", name="full_name") | {"unit": where.code}
            line = f"{found.code:<12} {found.full_name:<28} {where.name:<45}"
            yield (
                told | console.facts(standing, "state", certificate="serial_hex"),
                f"{line} {_(STATE_NAMES[standing.state])}",
            )


def _entry(name: str, words: str, *arguments: click.Argument) -> None:
    """A command that enters facts of one person, from a day on, with a roster's checks."""
    fields = "\b\n" + _("Các trường:") + " " + ", ".join(FIELDS)

    @person.command(name, help=words, epilog=fields, params=list(arguments))
    @click.argument("facts", nargs=-1, required=True, metavar="FIELD=VALUE…")
    @click.option(
        "--from",
        "day",
        type=console.DAY,
        help=_("Đơn vị, trạng thái, loại, vai trò ký đổi từ ngày này."),
    )
    @console.dry_run_option
    @console.as_officer(Permission.PERSON_EDIT)
    def enter(
        services: Services,
        actor: Actor,
        facts: tuple[str, ...],
        day: date | None,
        dry_run: bool,
        code: str | None = None,
    ) -> None:
        persons, cells = services.inventory.persons, dict(map(_cell, facts))
        if dry_run:
            found = persons.check(actor, cells, code=code, effective_on=day).accepted()
        else:
            found = persons.store(actor, cells, code=code, effective_on=day)
        for warning in found.warnings:
            message = worded(_, warning.sentence, warning.values)
            say(_("Lưu ý: %(message)s"), message=message, err=True)
        told = ", ".join(found.changes) if found.before else _("thêm mới")
        say(_("Thay đổi: %(changes)s"), changes=told or "—")
        if found.asks is not Consequence.NONE or found.alters_certificate:
            say(_("Chứng thư của người này có việc cần xử lý; xem “signer draft list”."))


def _cell(text: str) -> tuple[Field, str]:
    name, is_told, value = text.partition("=")
    if not is_told or name not in FIELDS:
        raise Invalid(N_("“%(text)s” không có dạng TRƯỜNG=GIÁ TRỊ."), text=text)
    return Field(name), value


_entry("add", _("Thêm một người: TRƯỜNG=GIÁ TRỊ."))
_entry(
    "set",
    _("Sửa hồ sơ một người: TRƯỜNG=GIÁ TRỊ; để trống là xóa."),
    click.Argument(["code"]),
)

duplicate = click.Group("duplicate", help=_("Hồ sơ có thể trùng: một người được ghi hai lần."))


@duplicate.command("list", help=_("Tìm và liệt kê các cặp hồ sơ chờ quyết định."))
@console.listing(_("Tổng cộng: %(count)d cặp."))
def list_pairs(services: Services) -> console.Rows:
    """Every pair that waits, the surest first; looks for new ones before."""
    room = services.inventory.duplicates
    room.find()
    for pair in console.every(lambda after: room.pairs(SYSTEM, after=after, limit=_PAGE)):
        told = {"first": pair.first.code, "second": pair.second.code}
        line = f"{pair.first.code:<12} {pair.second.code:<12} {pair.first.full_name:<28}"
        more = console.facts(pair, "likenesses", "has_other_number")
        yield told | more, f"{line} {', '.join(pair.likenesses)}"


def _decision(
    name: str, words: str, decide: Callable[[Duplicates, Actor, int, str], object], done: str
) -> None:
    @duplicate.command(name, help=words)
    @click.argument("first")
    @click.argument("second")
    @console.as_officer(Permission.PERSON_EDIT)
    def command(services: Services, actor: Actor, first: str, second: str) -> None:
        room = services.inventory.duplicates
        decide(room, actor, room.pair_with(actor, first, second).id, first)
        say(done, code=first.upper())


_decision(
    "merge",
    _("Gộp hai hồ sơ; hồ sơ FIRST được giữ lại."),
    Duplicates.merge,
    _("Đã gộp vào hồ sơ %(code)s."),
)
_decision(
    "keep-apart",
    _("Hai hồ sơ là hai người; không nêu lại nữa."),
    lambda room, actor, pair_id, _first: room.keep_apart(actor, pair_id),
    _("Đã ghi nhận đây là hai người khác nhau."),
)
_decision(
    "take-back",
    _("Bỏ quyết định trước: tách hai hồ sơ đã gộp, hoặc xét lại."),
    lambda room, actor, pair_id, _first: room.take_back(actor, pair_id),
    _("Đã bỏ quyết định trước; hai hồ sơ lại được tính riêng từ hôm nay."),
)
policy = click.Group(
    "policy", help=_("Chính sách trạng thái công tác: tính vào tỷ lệ, ký số, chứng thư.")
)


@policy.command("list", help=_("In chính sách của từng trạng thái."))
@console.json_option
@console.with_services
def list_policy(_services: Services) -> None:
    """Every state with its rule."""
    if console.wants_json():
        console.show_json({state: console.facts(r, *DECIDED) for state, r in rules().items()})
        return
    for state, rule in rules().items():
        counted = _("được tính") if rule.counted else _("không tính")
        signing = _("được ký") if rule.may_sign else _("không ký")
        said = f"{state.value:<20} {_(rule.label):<26} {counted:<14} {signing:<14}"
        say(f"{said} {rule.consequence.value}")


@policy.command("set", help=_("Đổi chính sách của một trạng thái, từ hôm nay."))
@click.argument("state", type=console.OneOf(PersonState))
@click.option("--counted/--not-counted", default=None, help=_("Thuộc mẫu số của tỷ lệ bao phủ."))
@click.option("--may-sign/--may-not-sign", default=None, help=_("Được ký số."))
@click.option("--consequence", type=console.OneOf(Consequence), help=_("Đòi hỏi với chứng thư."))
@console.dry_run_option
@console.as_officer(Permission.POLICY_MANAGE)
def set_policy(
    services: Services, actor: Actor, state: PersonState, dry_run: bool, **wanted: Any
) -> None:
    """The rule of the state is changed, and who belongs to the denominator from today on."""
    told = {name: value for name, value in wanted.items() if value is not None}
    room, change = services.inventory.policy, {state: replace(rules()[state], **told)}
    for line in room.preview(actor, change):
        say(
            _("%(state)s: %(people)d người, mẫu số thay đổi %(moves)+d."),
            state=_(line.after.label),
            people=line.people,
            moves=line.moves,
        )
    if not dry_run and (job_id := room.change(actor, change)) is not None:
        services.jobs.run(services.job_handlers, job_id=job_id)


@click.command(help=_("Tỷ lệ người đã có chứng thư chữ ký số, theo đơn vị."))
@click.option("--as-of", type=console.DAY, help=_("Tính đến ngày."))
@console.unit_option
@console.json_option
@console.with_services
def coverage(services: Services, as_of: date | None, unit: str | None) -> None:
    """The figures of a day, units with the largest gap first."""
    figures = services.reports.coverage(SYSTEM, as_of=as_of, unit_code=unit)
    if console.wants_json():
        console.show_json(figures.to_json())
        return
    for row in figures.units:
        rate = rate_text(row.rate, language())
        say(f"{row.code:<12} {row.name:<50} {row.covered:>7}/{row.persons:<7} {rate}")
    say(
        _("Tính đến %(day)s: %(covered)d/%(persons)d người, đạt %(rate)s"),
        day=figures.as_of.strftime("%d/%m/%Y"),
        covered=figures.covered,
        persons=figures.persons,
        rate=rate_text(figures.rate, language()),
    )
