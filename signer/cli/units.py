"""`signer unit`: the tree of any day, and the acts that change it."""

import functools
from collections.abc import Callable
from datetime import date
from typing import Any

import click

from signer.accounts import Actor, Permission
from signer.cli import console
from signer.cli.console import _, say
from signer.errors import N_, Invalid
from signer.inventory.bodies import DUTY_NAMES, Duty
from signer.inventory.kinds import UNIT_KIND_NAMES, UnitKind
from signer.inventory.models import OrgUnit, UnitChange
from signer.inventory.structure_models import CHANGE_STATE_NAMES
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.inventory.structure_rows import ActPreview
from signer.inventory.tree import predecessors, successors
from signer.issuance.rehoming import certified_in
from signer.services import Services

_as_of = click.option("--as-of", "day", type=console.DAY, help=_("Tính đến ngày."))
_decision = click.option("--decision", required=True, help=_("Số, ký hiệu quyết định."))


unit = click.Group("unit", help=_("Đơn vị: cơ cấu của một ngày, và những lần sắp xếp."))


@unit.command(help=_("Cơ cấu đơn vị của một ngày."))
@_as_of
@console.unit_option
@console.listing(_("Tổng cộng: %(count)d đơn vị."))
def tree(services: Services, day: date | None, unit: str | None) -> console.Rows:
    """Every unit of the day, those below others indented."""
    within = services.inventory.unit_of(unit, day).path if unit else ""
    found = services.inventory.units(day, within=within)
    top = min((one.path.count(".") for one in found), default=0)
    for one in found:
        yield _told(one), f"{'  ' * (one.path.count('.') - top)}{one.name}  [{one.code}]"


@unit.command(help=_("Một đơn vị: thông tin, đầu mối, đơn vị trước và sau."))
@click.argument("code")
@_as_of
@console.with_services
def show(services: Services, code: str, day: date | None) -> None:
    """One unit as JSON, with where it came from and went."""
    one = services.inventory.unit_of(code, day)
    duties = services.inventory.bodies.duties_of(one.id)
    more = {
        "predecessors": [_told(other) for other in predecessors(one.id)],
        "successors": [_told(other) for other in successors(one.id)],
        "officers": {d.duty: d.code for d in duties if d.valid_to is None},
    }
    console.show_json(_told(one) | more)


def _told(one: OrgUnit) -> dict[str, object]:
    names = ("code", "name", "kind", "valid_from", "valid_to", "has_legal_status", "has_seal")
    return console.facts(one, *names) | {"kind_name": _(UNIT_KIND_NAMES[one.kind])}


_Reading = Callable[..., dict[str, Any]]


def _act(kind: ActKind, words: str) -> Callable[[_Reading], click.Command]:
    """A command that shows, asks, and does the act that the function reads from its own words."""

    def declare(read: _Reading) -> click.Command:
        @unit.command(kind.value, help=words)
        @click.option("--on", type=console.DAY, required=True, help=_("Ngày đầu tiên có hiệu lực."))
        @_decision
        @console.dry_run_option
        @console.yes_option
        @console.json_option
        @console.as_officer(Permission.UNIT_MANAGE)
        @functools.wraps(read)
        def carry_out(
            services: Services,
            actor: Actor,
            on: date,
            decision: str,
            dry_run: bool,
            yes: bool,
            **told: Any,
        ) -> None:
            act = UnitAct(kind=kind, on=on, decision=decision, **read(**told))
            structure = services.inventory.structure
            seen = structure.preview(actor, act)
            if dry_run or not yes:
                _show(seen, to_stderr=not dry_run)
            if dry_run:
                return
            if not yes:
                click.confirm(_("Thực hiện?"), abort=True, err=True)
            _finish(services, actor, structure.carry_out(actor, act))

        return carry_out

    return declare


@_act(ActKind.OPEN, _("Lập đơn vị mới."))
@click.argument("code")
@click.argument("name")
@click.option("--kind", type=console.OneOf(UnitKind), required=True, help=_("Loại đơn vị."))
@click.option("--parent", required=True, help=_("Mã đơn vị cấp trên."))
def open_unit(code: str, name: str, kind: UnitKind, parent: str) -> dict[str, Any]:
    """A new unit below another one."""
    return {"heirs": (Heir(code=code, name=name, kind=kind),), "parent_code": parent}


@_act(ActKind.RENAME, _("Đổi tên đơn vị; mã giữ nguyên."))
@click.argument("code")
@click.argument("name")
def rename(code: str, name: str) -> dict[str, Any]:
    """The unit has another name from that day on."""
    return {"codes": (code,), "heirs": (Heir(code=code, name=name),)}


@_act(ActKind.MOVE, _("Chuyển đơn vị sang dưới một đơn vị khác."))
@click.argument("code")
@click.argument("parent")
def move(code: str, parent: str) -> dict[str, Any]:
    """The unit stands below another one from that day on."""
    return {"codes": (code,), "heirs": (Heir(code=code),), "parent_code": parent}


@_act(ActKind.CLOSE, _("Kết thúc đơn vị; người của đơn vị sang đơn vị tiếp nhận."))
@click.argument("code")
@click.option("--into", help=_("Mã đơn vị tiếp nhận; bỏ trống nếu đơn vị không còn ai."))
def close(code: str, into: str | None) -> dict[str, Any]:
    """The unit ends on the day before."""
    return {"codes": (code,), "heirs": (Heir(code=into),) if into else ()}


@_act(ActKind.MERGE, _("Sáp nhập các đơn vị thành một đơn vị mới hoặc vào một đơn vị đang có."))
@click.argument("codes", nargs=-1, required=True)
@click.option("--into", required=True, help=_("Mã đơn vị mới hoặc đang có."))
@click.option("--name", default="", help=_("Tên đơn vị mới."))
@click.option("--parent", help=_("Mã đơn vị cấp trên; bỏ trống là như đơn vị thứ nhất."))
def merge(codes: tuple[str, ...], into: str, name: str, parent: str | None) -> dict[str, Any]:
    """Several units are one from that day on."""
    return {"codes": codes, "heirs": (Heir(code=into, name=name),), "parent_code": parent}


@_act(ActKind.SPLIT, _("Chia tách đơn vị; phần không nêu sang đơn vị đầu tiên."))
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
def split(code: str, parts: tuple[str, ...], takes: tuple[str, ...]) -> dict[str, Any]:
    """One unit is several from that day on."""
    told = [take.partition("=")[::2] for take in takes]
    heirs = tuple(
        Heir(code=heir, name=name, takes=tuple(who for to, who in told if to == heir))
        for heir, name in (part.partition("=")[::2] for part in parts)
    )
    if stray := [to for to, _who in told if to not in {heir.code for heir in heirs}]:
        raise Invalid(N_("“%(word)s” không nêu đơn vị tiếp nhận nào."), word=stray[0])
    return {"codes": (code,), "heirs": heirs}


@unit.command(help=_("Hoàn tác một lần sắp xếp, khi chưa có gì phát sinh."))
@click.argument("change_id", type=click.IntRange(min=1))
@console.as_officer(Permission.UNIT_MANAGE)
def undo(services: Services, actor: Actor, change_id: int) -> None:
    """Everything is as before the act."""
    _finish(services, actor, services.inventory.structure.undo(actor, change_id))


@unit.command(help=_("Phân công cán bộ đầu mối hoặc người thay."))
@click.argument("code")
@click.argument("person")
@click.option(
    "--duty",
    type=console.OneOf(Duty),
    default=Duty.FOCAL.value,
    show_default=True,
    help=_("Nhiệm vụ: đầu mối (focal) hoặc người thay (deputy)."),
)
@_decision
@click.option("--on", type=console.DAY, help=_("Từ ngày; bỏ trống là hôm nay."))
@console.as_officer(Permission.UNIT_MANAGE)
def duty(services: Services, actor: Actor, code: str, person: str, duty: Duty, **told: Any) -> None:
    """The person has the duty; whoever had it, had it until the day before."""
    services.inventory.bodies.name_officer(actor, code, duty, person_code=person, **told)
    say(f"{_(DUTY_NAMES[duty])}: {person.upper()}")


def _show(seen: ActPreview, *, to_stderr: bool) -> None:
    for line in seen.lines:
        unit, heir = line.unit, line.heir
        moved = f"{unit.name} [{unit.code}] → {heir.name} [{heir.code}]: {line.people}"
        say(moved, err=to_stderr)
    say(
        _("%(people)d người sang đơn vị khác; %(certificates)d người có chứng thư phải đổi."),
        people=seen.people,
        certificates=sum(certified_in(seen.renamed_ids).values()),
        err=to_stderr,
    )


def _finish(services: Services, actor: Actor, made: UnitChange) -> None:
    """People of a large act are carried here and now, whether a worker runs or not."""
    if made.job_id is not None:
        services.jobs.run(services.job_handlers, job_id=made.job_id)
        made = services.inventory.structure.change(actor, made.id)
    if console.wants_json():
        console.show_json(console.facts(made, "id", "state", "people"))
    else:
        say(_("Việc số %(id)d: %(state)s."), id=made.id, state=_(CHANGE_STATE_NAMES[made.state]))
