"""`signer person set|add`, `signer duplicate`, `signer policy`: people by hand, one at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import click

from signer.accounts import SYSTEM
from signer.cli.console import _, show_json, with_services
from signer.cli.people import person
from signer.errors import N_, Invalid
from signer.inventory.duplicates import PairView
from signer.inventory.fields import Field
from signer.inventory.persons import FIELDS
from signer.inventory.policy import DECIDED, rules
from signer.inventory.states import Consequence, PersonState
from signer.services import Services

_as = click.option("--as", "account", required=True, help=_("Tài khoản thực hiện."))
_dry_run = click.option("--dry-run", is_flag=True, help=_("Chỉ cho xem điều sẽ xảy ra."))
_json = click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
_FIELDS_HELP = "\b\n" + _("Các trường:") + " " + ", ".join(field.value for field in FIELDS)


def _entering(command: Callable[..., None]) -> Callable[..., None]:  # click's own mixed bag
    """The command takes facts of one person, from a day on, and may only be tried."""
    command = click.option(
        "--from",
        "day",
        type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]),
        help=_("Đơn vị, trạng thái, loại, vai trò ký đổi từ ngày này."),
    )(_as(_dry_run(with_services(command))))
    return click.argument("facts", nargs=-1, required=True, metavar="FIELD=VALUE…")(command)


@person.command("add", help=_("Thêm một người: TRƯỜNG=GIÁ TRỊ."), epilog=_FIELDS_HELP)
@_entering
def add(
    services: Services, facts: tuple[str, ...], account: str, day: datetime | None, dry_run: bool
) -> None:
    """The person is added with a roster's checks."""
    _enter(services, None, facts, account, day, dry_run)


@person.command(
    "set", help=_("Sửa hồ sơ một người: TRƯỜNG=GIÁ TRỊ; để trống là xóa."), epilog=_FIELDS_HELP
)
@click.argument("code")
@_entering
def correct(
    services: Services,
    code: str,
    facts: tuple[str, ...],
    account: str,
    day: datetime | None,
    dry_run: bool,
) -> None:
    """The person is corrected with a roster's checks."""
    _enter(services, code, facts, account, day, dry_run)


def _enter(
    services: Services,
    code: str | None,
    facts: tuple[str, ...],
    account: str,
    day: datetime | None,
    dry_run: bool,
) -> None:
    actor, persons = services.accounts.actor_of(account), services.inventory.persons
    cells, on = dict(_cell(text) for text in facts), day.date() if day else None
    if dry_run:
        found = persons.check(actor, cells, code=code, effective_on=on).accepted()
    else:
        found = persons.store(actor, cells, code=code, effective_on=on)
    for warning in found.warnings:
        click.echo(
            _("Lưu ý: %(message)s") % {"message": _(warning.sentence) % warning.values}, err=True
        )
    told = ", ".join(found.changes) if found.before else _("thêm mới")
    click.echo(_("Thay đổi: %(changes)s") % {"changes": told or "—"})
    if found.asks is not Consequence.NONE or found.alters_certificate:
        click.echo(_("Chứng thư của người này có việc cần xử lý; xem “signer draft list”."))


def _cell(text: str) -> tuple[Field, str]:
    name, is_told, value = text.partition("=")
    if not is_told or name not in [field.value for field in FIELDS]:
        raise Invalid(N_("“%(text)s” không có dạng TRƯỜNG=GIÁ TRỊ."), text=text)
    return Field(name), value


@click.group(help=_("Hồ sơ có thể trùng: một người được ghi hai lần."))
def duplicate() -> None:
    """Commands about entries that look like one person."""


@duplicate.command("list", help=_("Tìm và liệt kê các cặp hồ sơ chờ quyết định."))
@_json
@with_services
def list_pairs(services: Services, as_json: bool) -> None:
    """Every pair that waits, the surest first; looks for new ones before."""
    room = services.inventory.duplicates
    room.find()
    page = room.pairs(SYSTEM, limit=200)
    pairs: list[PairView] = [*page.items]
    while page.next is not None:
        page = room.pairs(SYSTEM, after=page.next, limit=200)
        pairs += page.items
    if as_json:
        show_json(
            [
                {
                    "first": pair.first.code,
                    "second": pair.second.code,
                    "likenesses": pair.likenesses,
                    "has_other_number": pair.has_other_number,
                }
                for pair in pairs
            ]
        )
        return
    for pair in pairs:
        click.echo(
            f"{pair.first.code:<12} {pair.second.code:<12} {pair.first.full_name:<28} "
            f"{', '.join(pair.likenesses)}"
        )
    click.echo(_("Tổng cộng: %(count)d cặp.") % {"count": len(pairs)})


@duplicate.command("merge", help=_("Gộp hai hồ sơ; hồ sơ SURVIVOR được giữ lại."))
@click.argument("survivor")
@click.argument("other")
@_as
@with_services
def merge(services: Services, survivor: str, other: str, account: str) -> None:
    """The other entry counts no more; the survivor counts for both."""
    actor, room = services.accounts.actor_of(account), services.inventory.duplicates
    room.merge(actor, room.pair_with(actor, survivor, other).id, survivor)
    click.echo(_("Đã gộp vào hồ sơ %(code)s.") % {"code": survivor.upper()})


@duplicate.command("keep-apart", help=_("Hai hồ sơ là hai người; không nêu lại nữa."))
@click.argument("first")
@click.argument("second")
@_as
@with_services
def keep_apart(services: Services, first: str, second: str, account: str) -> None:
    """The two are two people."""
    actor, room = services.accounts.actor_of(account), services.inventory.duplicates
    room.keep_apart(actor, room.pair_with(actor, first, second).id)
    click.echo(_("Đã ghi nhận đây là hai người khác nhau."))


@duplicate.command("take-back", help=_("Bỏ quyết định trước: tách hai hồ sơ đã gộp, hoặc xét lại."))
@click.argument("first")
@click.argument("second")
@_as
@with_services
def take_back(services: Services, first: str, second: str, account: str) -> None:
    """What was decided about the two holds no longer."""
    actor, room = services.accounts.actor_of(account), services.inventory.duplicates
    room.take_back(actor, room.pair_with(actor, first, second).id)
    click.echo(_("Đã bỏ quyết định trước; hai hồ sơ lại được tính riêng từ hôm nay."))


@click.group(help=_("Chính sách trạng thái công tác: tính vào tỷ lệ, ký số, chứng thư."))
def policy() -> None:
    """Commands about the policy of states."""


@policy.command("list", help=_("In chính sách của từng trạng thái."))
@_json
@with_services
def list_policy(services: Services, as_json: bool) -> None:
    """Every state with its rule."""
    if as_json:
        show_json(
            {s: {name: getattr(rule, name) for name in DECIDED} for s, rule in rules().items()}
        )
        return
    counted = {True: _("được tính"), False: _("không tính")}
    signing = {True: _("được ký"), False: _("không ký")}
    for state, rule in rules().items():
        click.echo(
            f"{state.value:<20} {_(rule.label):<26} {counted[rule.counted]:<14} "
            f"{signing[rule.may_sign]:<14} {rule.consequence.value}"
        )


@policy.command("set", help=_("Đổi chính sách của một trạng thái, từ hôm nay."))
@click.argument("state", type=click.Choice([state.value for state in PersonState]))
@click.option("--counted/--not-counted", default=None, help=_("Thuộc mẫu số của tỷ lệ bao phủ."))
@click.option("--may-sign/--may-not-sign", default=None, help=_("Được ký số."))
@click.option(
    "--consequence",
    type=click.Choice([consequence.value for consequence in Consequence]),
    help=_("Đòi hỏi với chứng thư."),
)
@_as
@_dry_run
@with_services
def set_policy(
    services: Services,
    state: str,
    counted: bool | None,
    may_sign: bool | None,
    consequence: str | None,
    account: str,
    dry_run: bool,
) -> None:
    """The rule of the state is changed, and who belongs to the denominator from today on."""
    actor, room = services.accounts.actor_of(account), services.inventory.policy
    rule = rules()[PersonState(state)]
    wanted = replace(
        rule,
        counted=rule.counted if counted is None else counted,
        may_sign=rule.may_sign if may_sign is None else may_sign,
        consequence=Consequence(consequence) if consequence else rule.consequence,
    )
    change = {PersonState(state): wanted}
    for line in room.preview(actor, change):
        click.echo(
            _("%(state)s: %(people)d người, mẫu số thay đổi %(moves)+d.")
            % {"state": _(line.after.label), "people": line.people, "moves": line.moves}
        )
    if not dry_run and room.change(actor, change) is not None:
        services.jobs.run(services.job_handlers)
