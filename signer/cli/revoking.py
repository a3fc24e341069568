"""`signer revoke`, `suspend`, `release`, `draft`: ending and holding certificates."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TextIO, TypeVar

import click

from signer.accounts import SYSTEM, Actor, Permission
from signer.cli.console import _, progress, show_json, with_services
from signer.errors import N_, Invalid
from signer.issuance.grounds import Act, Ground, GroundRule, grounds_for
from signer.issuance.ordering import rule_of, warrant_of
from signer.issuance.revocation_views import ACT_NAMES, Ordered, Preview
from signer.issuance.states import STATE_NAMES
from signer.issuance.views import Refused
from signer.services import Services

_PAGE = 200
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _rules(*acts: Act) -> list[GroundRule]:
    """The closed list of what these acts may go on; empty for a release."""
    return list({rule.code: rule for act in acts for rule in grounds_for(act)}.values())


def _agreement(*acts: Act) -> Callable[[_Command], _Command]:
    """The options of everything that needs a ground, a paper, somebody who acts, and a yes."""
    ground = click.option(
        "--ground",
        type=click.Choice([rule.code.value for rule in _rules(*acts)]),
        metavar="CODE",
        help=_("Căn cứ pháp lý; xem danh sách ở cuối phần trợ giúp này."),
    )
    options = (
        click.option("--document", default="", help=_("Số, ký hiệu văn bản làm căn cứ.")),
        click.option("--note", default="", help=_("Ghi chú.")),
        click.option("--as", "account", required=True, help=_("Tài khoản thực hiện.")),
        click.option("--dry-run", is_flag=True, help=_("Chỉ cho xem điều sẽ xảy ra.")),
        click.option("--yes", is_flag=True, help=_("Thực hiện mà không hỏi lại.")),
        click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON.")),
    )

    def declare(command: _Command) -> _Command:
        for option in reversed((ground, *options) if _rules(*acts) else options):
            command = option(command)
        return command

    return declare


def _listed(*acts: Act) -> str:
    """The end of a command's help: the closed list, one code a line."""
    rules = _rules(*acts)
    width = max((len(rule.code) for rule in rules), default=0)
    lines = [f"{rule.code:<{width}}  {_(rule.label)}" for rule in rules]
    return "\n".join(["\b", _("Căn cứ pháp lý:"), *lines]) if rules else ""


def _command(act: Act, words: str) -> click.Command:
    """The command of the act, with its closed list of grounds."""

    @click.command(act.value, help=words, epilog=_listed(act))
    @click.argument("persons", nargs=-1)
    @click.option(
        "--from-file",
        "file",
        type=click.File(encoding="utf-8-sig"),  # a CSV of Excel begins with the mark
        help=_("Tệp có mã cán bộ hoặc thư điện tử công vụ ở cột đầu; “-” là đầu vào chuẩn."),
    )
    @_agreement(act)
    @with_services
    def order(
        services: Services,
        persons: tuple[str, ...],
        file: TextIO | None,
        document: str,
        note: str,
        account: str,
        dry_run: bool,
        yes: bool,
        as_json: bool,
        ground: str | None = None,
    ) -> int:
        """Shown, agreed to, done; 0 only when it is in force for everybody who was named."""
        actor, chosen = _officer(services, account), _ground(ground)
        warrant_of(rule_of(act, chosen), document, note)  # said before anybody has to agree
        names = [*persons, *(names_in(file) if file else ())]
        revoking = services.issuance.revoking
        seen = [revoking.preview(actor, act=act, person_codes=names, ground=chosen)]
        if not _is_agreed(seen, dry_run=dry_run, yes=yes, as_json=as_json):
            return int(any(preview.refused for preview in seen))
        made = revoking.order(
            actor, act=act, person_codes=names, ground=chosen, document_ref=document, note=note
        )
        return _finish(services, actor, made, as_json)

    return order


revoke = _command(Act.REVOKE, _("Thu hồi chứng thư; không hoàn tác được."))
suspend = _command(Act.SUSPEND, _("Tạm dừng chứng thư; sau này cho dùng lại được."))
release = _command(Act.RELEASE, _("Cho dùng lại chứng thư đang tạm dừng."))


@click.group(help=_("Những việc về chứng thư mà danh sách cán bộ đòi hỏi, chờ quyết định."))
def draft() -> None:
    """Commands about drafts."""


@draft.command("list", help=_("Liệt kê các việc đang chờ, mới nhất trước."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def list_drafts(services: Services, as_json: bool) -> None:
    """Every draft that waits for a word."""
    SYSTEM.require(Permission.CERTIFICATE_REVOKE)
    rows: list[dict[str, object]] = []
    before = None
    while found := services.issuance.revoking.drafts(SYSTEM, before=before, limit=_PAGE):
        before = found[-1].id
        for row in found:
            told = {"id": row.id, "act": row.act, "code": row.code, "name": row.full_name}
            told |= {"unit_name": row.unit_name, "certificate": row.serial_hex}
            rows.append(told | {"cause": row.cause, "found": row.found, "ground": row.ground})
            if not as_json:
                click.echo(
                    f"{row.id:>6}  {_(ACT_NAMES[row.act]):<22} {row.code:<12} "
                    f"{row.full_name:<28} {_(row.cause_name)}: {row.found}"
                )
    if as_json:
        show_json(rows)
    else:
        click.echo(_("Tổng cộng: %(count)d việc đang chờ.") % {"count": len(rows)})


@draft.command(
    "carry-out",
    help=_("Thực hiện các việc đang chờ trên một căn cứ; việc “thay đổi” được làm là thu hồi."),
    epilog=_listed(Act.REVOKE, Act.SUSPEND),
)
@click.argument("draft_ids", nargs=-1, required=True, type=click.IntRange(min=1))
@_agreement(Act.REVOKE, Act.SUSPEND)
@with_services
def carry_out(
    services: Services,
    draft_ids: tuple[int, ...],
    ground: str | None,
    document: str,
    note: str,
    account: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """The drafts become orders, all of them on a ground that fits, or none does."""
    actor, chosen = _officer(services, account), _ground(ground)
    revoking = services.issuance.revoking
    names: dict[Act, list[str]] = {}
    for row in revoking.drafts_of(actor, draft_ids):
        act = Act.REVOKE if row.act is Act.CHANGE else row.act
        warrant_of(rule_of(act, chosen), document, note)
        names.setdefault(act, []).append(row.code)
    seen = [
        revoking.preview(
            actor, act=act, person_codes=codes, ground=None if act is Act.RELEASE else chosen
        )
        for act, codes in names.items()
    ]
    if not _is_agreed(seen, dry_run=dry_run, yes=yes, as_json=as_json):
        return int(any(preview.refused for preview in seen))
    made = revoking.carry_out(actor, draft_ids, ground=chosen, document_ref=document, note=note)
    return _finish(services, actor, made, as_json)


@draft.command(help=_("Bỏ qua các việc đang chờ, có ghi lý do."))
@click.argument("draft_ids", nargs=-1, required=True, type=click.IntRange(min=1))
@click.option("--as", "account", required=True, help=_("Tài khoản thực hiện."))
@click.option("--reason", required=True, help=_("Lý do bỏ qua."))
@with_services
def dismiss(services: Services, draft_ids: tuple[int, ...], account: str, reason: str) -> None:
    """Nothing is done on them; the same finding does not open another draft."""
    actor = _officer(services, account)
    services.issuance.revoking.drafts_of(actor, draft_ids)  # one that is not there: none is touched
    for draft_id in dict.fromkeys(draft_ids):
        services.issuance.revoking.dismiss(actor, draft_id, reason)
    click.echo(_("Đã bỏ qua %(count)s việc.") % {"count": len(set(draft_ids))})


def names_in(file: TextIO) -> list[str]:
    """The first column of a list, without empty lines and without a heading."""
    try:
        cells = [re.split(r"[\t;,]", line, maxsplit=1)[0].strip(' "\r\n') for line in file]
    except UnicodeDecodeError as error:
        raise Invalid(N_("Tệp danh sách phải là văn bản UTF-8.")) from error
    if cells and not re.search(r"[\d@]", cells[0]):
        del cells[0]  # neither a code nor an address: what the column is called
    return [cell for cell in cells if cell]


def _officer(services: Services, account: str) -> Actor:
    actor = services.accounts.actor_of(account)
    actor.require(Permission.CERTIFICATE_REVOKE)
    return actor


def _ground(code: str | None) -> Ground | None:
    return Ground(code) if code else None


def _is_agreed(seen: Sequence[Preview], *, dry_run: bool, yes: bool, as_json: bool) -> bool:
    """What would happen has been shown; True when there is anybody to do it to, and a yes."""
    if dry_run and as_json:
        show_json([_told(preview) for preview in seen])
    elif not yes or dry_run:
        for preview in seen:
            _show(preview, to_stderr=not dry_run)
    people = sum(len(preview.lines) for preview in seen)
    if people == 0:
        if yes:
            _show_refused([refused for preview in seen for refused in preview.refused])
        click.echo(_("Không có ai để thực hiện việc này."), err=True)
    if dry_run or people == 0:
        return False
    question = _("Thực hiện cho %(count)d người?") % {"count": people}
    return yes or click.confirm(question, abort=True, err=True)


def _show(preview: Preview, *, to_stderr: bool) -> None:
    """To the reader on standard error, so that the answer alone is on standard output."""
    heading = [_(ACT_NAMES[preview.act])]
    if preview.ground is not None:
        heading.append(f"{_(preview.ground.label)} ({_(preview.ground.source)})")
    lines = [": ".join(heading), _(preview.effect)]
    lines += [
        f"{line.code:<12} {line.full_name:<28} {line.unit_name:<45} "
        f"{line.serial_hex}  → {_(STATE_NAMES[line.becomes])}"
        for line in preview.lines
    ]
    for text in lines:
        click.echo(text, err=to_stderr)
    _show_refused(preview.refused)


def _show_refused(refused: Sequence[Refused]) -> None:
    for row in refused:
        click.echo(f"{row.code} {row.name}: {_(row.sentence)}", err=True)


def _told(preview: Preview) -> dict[str, object]:
    return {
        "act": preview.act,
        "ground": preview.ground.code if preview.ground else None,
        "can_be_undone": preview.can_be_undone,
        "persons": [
            {
                "code": line.code,
                "name": line.full_name,
                "unit_name": line.unit_name,
                "certificate": line.serial_hex,
                "not_after": line.not_after.isoformat(),
                "becomes": line.becomes,
            }
            for line in preview.lines
        ],
        "refused": _refused_rows(preview.refused),
    }


def _refused_rows(refused: Sequence[Refused]) -> list[dict[str, str]]:
    return [{"code": row.code, "name": row.name, "message": _(row.sentence)} for row in refused]


def _finish(services: Services, actor: Actor, made: Ordered, as_json: bool) -> int:
    """A long order is worked off here and now, beside any worker; then what came of it is said."""
    done, waiting, refused = made.done, 0, list(made.refused)
    if made.job_id is not None:
        before = services.jobs.progress(made.job_id)
        with progress(before.waiting, _("Đang thực hiện")) as advance:
            services.jobs.run(services.job_handlers, job_id=made.job_id, on_progress=advance)
        job = services.jobs.progress(made.job_id)
        done, waiting = job.done, job.waiting
        failed = {int(row.key): row for row in services.jobs.failures(made.job_id)}
        refused += [
            Refused(code=act.code, name=act.full_name, sentence=failed[act.id].sentence)
            for act in services.issuance.revoking.history(actor, ids=list(failed), limit=_PAGE)
        ]
    if as_json:
        told = {"done": done, "waiting": waiting, "job": made.job_id}
        show_json(told | {"refused": _refused_rows(refused)})
    else:
        _show_refused(refused)
        click.echo(_("Đã thực hiện cho %(count)d người.") % {"count": done})
        if waiting:
            click.echo(_("%(count)d người đang chờ tiến trình nền làm tiếp.") % {"count": waiting})
    return int(bool(refused or waiting))
