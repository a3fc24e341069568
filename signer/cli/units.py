"""`signer unit`: the tree of any day, and the acts that change it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from signer.accounts import Actor, Permission
from signer.cli.console import _, show_json, with_services
from signer.errors import N_, Invalid
from signer.inventory.bodies import DUTY_NAMES, Duty
from signer.inventory.kinds import UNIT_KIND_NAMES, UnitKind
from signer.inventory.models import OrgUnit, UnitChange
from signer.inventory.structure_models import CHANGE_STATE_NAMES
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.inventory.tree import predecessors, successors
from signer.issuance.rehoming import certified_in
from signer.services import Services

_Command = TypeVar("_Command", bound=Callable[..., Any])
_DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])


def _options(command: _Command) -> _Command:
    """What every act needs: a day, a decision, somebody who acts, and a yes."""
    for option in reversed(
        (
            click.option("--on", type=_DAY, required=True, help=_("Ngày đầu tiên có hiệu lực.")),
            click.option("--decision", required=True, help=_("Số, ký hiệu quyết định.")),
            click.option("--as", "account", required=True, help=_("Tài khoản thực hiện.")),
            click.option("--dry-run", is_flag=True, help=_("Chỉ cho xem điều sẽ xảy ra.")),
            click.option("--yes", is_flag=True, help=_("Thực hiện mà không hỏi lại.")),
            click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON.")),
        )
    ):
        command = option(command)
    return command


@click.group(help=_("Đơn vị: cơ cấu của một ngày, và những lần sắp xếp."))
def unit() -> None:
    """Commands about units."""


@unit.command(help=_("Cơ cấu đơn vị của một ngày."))
@click.option("--as-of", type=_DAY, help=_("Tính đến ngày."))
@click.option("--unit", "code", help=_("Mã đơn vị; bỏ trống là toàn thành phố."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def tree(services: Services, as_of: datetime | None, code: str | None, as_json: bool) -> None:
    """Every unit of the day, those below others indented."""
    day = as_of.date() if as_of else None
    within = services.inventory.unit_of(code, day).path if code else ""
    found = services.inventory.units(day, within=within)
    if as_json:
        show_json([_told(one) for one in found])
        return
    top = min((one.path.count(".") for one in found), default=0)
    for one in found:
        click.echo(f"{'  ' * (one.path.count('.') - top)}{one.name}  [{one.code}]")
    click.echo(_("Tổng cộng: %(count)d đơn vị.") % {"count": len(found)})


@unit.command(help=_("Một đơn vị: thông tin, đầu mối, đơn vị trước và sau."))
@click.argument("code")
@click.option("--as-of", type=_DAY, help=_("Tính đến ngày."))
@with_services
def show(services: Services, code: str, as_of: datetime | None) -> None:
    """One unit as JSON, with where it came from and went."""
    one = services.inventory.unit_of(code, as_of.date() if as_of else None)
    duties = services.inventory.bodies.duties_of(one.id)
    show_json(
        _told(one)
        | {
            "predecessors": [_told(other) for other in predecessors(one.id)],
            "successors": [_told(other) for other in successors(one.id)],
            "officers": {d.duty: d.code for d in duties if d.valid_to is None},
        }
    )


@unit.command("open", help=_("Lập đơn vị mới."))
@click.argument("code")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in UnitKind]),
    required=True,
    help=_("Loại đơn vị."),
)
@click.option("--parent", required=True, help=_("Mã đơn vị cấp trên."))
@_options
def open_unit(code: str, name: str, kind: str, parent: str, **told: Any) -> None:
    """A new unit below another one."""
    heir = Heir(code=code, name=name, kind=UnitKind(kind))
    _carry_out(ActKind.OPEN, (), (heir,), parent, **told)


@unit.command(help=_("Đổi tên đơn vị; mã giữ nguyên."))
@click.argument("code")
@click.argument("name")
@_options
def rename(code: str, name: str, **told: Any) -> None:
    """The unit has another name from that day on."""
    _carry_out(ActKind.RENAME, (code,), (Heir(code=code, name=name),), None, **told)


@unit.command(help=_("Chuyển đơn vị sang dưới một đơn vị khác."))
@click.argument("code")
@click.argument("parent")
@_options
def move(code: str, parent: str, **told: Any) -> None:
    """The unit stands below another one from that day on."""
    _carry_out(ActKind.MOVE, (code,), (Heir(code=code),), parent, **told)


@unit.command(help=_("Kết thúc đơn vị; người của đơn vị sang đơn vị tiếp nhận."))
@click.argument("code")
@click.option("--into", help=_("Mã đơn vị tiếp nhận; bỏ trống nếu đơn vị không còn ai."))
@_options
def close(code: str, into: str | None, **told: Any) -> None:
    """The unit ends on the day before."""
    _carry_out(ActKind.CLOSE, (code,), (Heir(code=into),) if into else (), None, **told)


@unit.command(help=_("Sáp nhập các đơn vị thành một đơn vị mới hoặc vào một đơn vị đang có."))
@click.argument("codes", nargs=-1, required=True)
@click.option("--into", required=True, help=_("Mã đơn vị mới hoặc đang có."))
@click.option("--name", default="", help=_("Tên đơn vị mới."))
@click.option("--parent", help=_("Mã đơn vị cấp trên; bỏ trống là như đơn vị thứ nhất."))
@_options
def merge(codes: tuple[str, ...], into: str, name: str, parent: str | None, **told: Any) -> None:
    """Several units are one from that day on."""
    _carry_out(ActKind.MERGE, codes, (Heir(code=into, name=name),), parent, **told)


@unit.command(help=_("Chia tách đơn vị; phần không nêu sang đơn vị đầu tiên."))
@click.argument("code")
@click.option(
    "--into",
    "parts",
    multiple=True,
    required=True,
    metavar="CODE[=NAME]",
    help=_("Đơn vị tiếp nhận: mã, hoặc mã=tên nếu là đơn vị mới. Ghi nhiều lần."),
)
@click.option(
    "--take",
    "takes",
    multiple=True,
    metavar="CODE=WHO",
    help=_("Ai sang đơn vị nào: mã cán bộ, tên phòng hoặc mã đơn vị trực thuộc. Ghi nhiều lần."),
)
@_options
def split(code: str, parts: tuple[str, ...], takes: tuple[str, ...], **told: Any) -> None:
    """One unit is several from that day on."""
    heirs = []
    for part in parts:
        heir, _equals, name = part.partition("=")
        words = [take.partition("=")[2] for take in takes if take.partition("=")[0] == heir]
        heirs.append(Heir(code=heir, name=name, takes=tuple(words)))
    if stray := [take for take in takes if take.partition("=")[0] not in {h.code for h in heirs}]:
        raise Invalid(N_("“%(word)s” không nêu đơn vị tiếp nhận nào."), word=stray[0])
    _carry_out(ActKind.SPLIT, (code,), tuple(heirs), None, **told)


@unit.command(help=_("Hoàn tác một lần sắp xếp, khi chưa có gì phát sinh."))
@click.argument("change_id", type=click.IntRange(min=1))
@click.option("--as", "account", required=True, help=_("Tài khoản thực hiện."))
@with_services
def undo(services: Services, change_id: int, account: str) -> None:
    """Everything is as before the act."""
    actor = services.accounts.actor_of(account)
    _finish(services, actor, services.inventory.structure.undo(actor, change_id), as_json=False)


@unit.command(help=_("Phân công cán bộ đầu mối hoặc người thay."))
@click.argument("code")
@click.argument("person")
@click.option(
    "--duty",
    type=click.Choice([duty.value for duty in Duty]),
    default=Duty.FOCAL.value,
    show_default=True,
    help=_("Nhiệm vụ: đầu mối (focal) hoặc người thay (deputy)."),
)
@click.option("--decision", required=True, help=_("Số, ký hiệu quyết định."))
@click.option("--on", type=_DAY, help=_("Từ ngày; bỏ trống là hôm nay."))
@click.option("--as", "account", required=True, help=_("Tài khoản thực hiện."))
@with_services
def duty(
    services: Services,
    code: str,
    person: str,
    duty: str,
    decision: str,
    on: datetime | None,
    account: str,
) -> None:
    """The person has the duty; whoever had it, had it until the day before."""
    services.inventory.bodies.name_officer(
        services.accounts.actor_of(account),
        code,
        Duty(duty),
        person_code=person,
        decision=decision,
        on=on.date() if on else None,
    )
    click.echo(f"{_(DUTY_NAMES[Duty(duty)])}: {person.upper()}")


@with_services
def _carry_out(
    services: Services,
    kind: ActKind,
    codes: tuple[str, ...],
    heirs: tuple[Heir, ...],
    parent: str | None,
    *,
    on: datetime,
    decision: str,
    account: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Shown, agreed to, done."""
    actor = services.accounts.actor_of(account)
    actor.require(Permission.UNIT_MANAGE)
    act = UnitAct(
        kind=kind, on=on.date(), decision=decision, codes=codes, heirs=heirs, parent_code=parent
    )
    seen = services.inventory.structure.preview(actor, act)
    if dry_run or not as_json:
        certified = certified_in(seen.renamed_ids)
        for line in seen.lines:
            unit, heir = line.unit, line.heir
            click.echo(f"{unit.name} [{unit.code}] → {heir.name} [{heir.code}]: {line.people}")
        click.echo(
            _("%(people)d người sang đơn vị khác; %(certificates)d người có chứng thư phải đổi.")
            % {"people": seen.people, "certificates": sum(certified.values())}
        )
    if dry_run:
        return
    if not yes:
        click.confirm(_("Thực hiện?"), abort=True, err=True)
    _finish(services, actor, services.inventory.structure.carry_out(actor, act), as_json=as_json)


def _finish(services: Services, actor: Actor, made: UnitChange, *, as_json: bool) -> None:
    """People of a large act are carried here and now, whether a worker runs or not."""
    if made.job_id is not None:
        services.jobs.run(services.job_handlers, job_id=made.job_id)
        made = services.inventory.structure.change(actor, made.id)
    if as_json:
        show_json({"id": made.id, "state": made.state, "people": made.people})
    else:
        click.echo(
            _("Việc số %(id)d: %(state)s.")
            % {"id": made.id, "state": _(CHANGE_STATE_NAMES[made.state])}
        )


def _told(one: OrgUnit) -> dict[str, object]:
    names = ("code", "name", "kind", "valid_from", "valid_to", "has_legal_status", "has_seal")
    told = {name: getattr(one, name) for name in names}
    return told | {"kind_name": _(UNIT_KIND_NAMES[one.kind])}
