"""`signer revoke`, `suspend`, `release`, `draft`: ending and holding certificates."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO, TypeVar

import click

from signer.accounts import SYSTEM, Actor, Permission
from signer.cli import console
from signer.cli.console import _, say
from signer.errors import N_, Invalid
from signer.issuance.grounds import Act, Ground, GroundRule, grounds_for
from signer.issuance.ordering import rule_of, warrant_of
from signer.issuance.revocation_views import ACT_NAMES, Ordered, Preview
from signer.issuance.states import STATE_NAMES
from signer.issuance.views import Refused
from signer.services import Services

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _rules(*acts: Act) -> list[GroundRule]:
    """The closed list of what these acts may go on; empty for a release."""
    return list({rule.code: rule for act in acts for rule in grounds_for(act)}.values())


def _agreement(*acts: Act) -> Callable[[_Command], _Command]:
    """The options of everything that needs a ground, a paper and a yes."""
    ground = click.option(
        "--ground",
        type=console.OneOf(Ground, [rule.code for rule in _rules(*acts)]),
        metavar="CODE",
        help=_("Căn cứ pháp lý; xem danh sách ở cuối phần trợ giúp này."),
    )
    options = (
        click.option("--document", default="", help=_("Số, ký hiệu văn bản làm căn cứ.")),
        click.option("--note", default="", help=_("Ghi chú.")),
        console.dry_run_option,
        console.yes_option,
        console.json_option,
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
    @console.as_officer(Permission.CERTIFICATE_REVOKE)
    def command(
        services: Services, actor: Actor, persons: tuple[str, ...], file: TextIO | None, **said: Any
    ) -> int:
        """Shown, agreed to, done; 0 only when it is in force for everybody who was named."""
        names = [*persons, *(names_in(file) if file else ())]
        order = services.issuance.revoking.order
        give = functools.partial(order, actor, act=act, person_codes=names)
        return _carry_out(services, actor, {act: names}, give, **said)

    return command


revoke = _command(Act.REVOKE, _("Thu hồi chứng thư; không hoàn tác được."))
suspend = _command(Act.SUSPEND, _("Tạm dừng chứng thư; sau này cho dùng lại được."))
release = _command(Act.RELEASE, _("Cho dùng lại chứng thư đang tạm dừng."))


draft = click.Group(
    "draft", help=_("Những việc về chứng thư mà danh sách cán bộ đòi hỏi, chờ quyết định.")
)


@draft.command("list", help=_("Liệt kê các việc đang chờ, mới nhất trước."))
@console.listing(_("Tổng cộng: %(count)d việc đang chờ."))
def list_drafts(services: Services) -> console.Rows:
    """Every draft that waits for a word."""
    SYSTEM.require(Permission.CERTIFICATE_REVOKE)
    names = ("id", "act", "code", "unit_name", "cause", "found", "ground")
    before = None
    while found := services.issuance.revoking.drafts(SYSTEM, before=before, limit=200):
        before = found[-1].id
        for row in found:
            person = f"{row.code:<12} {row.full_name:<28} {_(row.cause_name)}: {row.found}"
            yield (
                console.facts(row, *names, name="full_name", certificate="serial_hex"),
                f"{row.id:>6}  {_(ACT_NAMES[row.act]):<22} {person}",
            )


@draft.command(
    "carry-out",
    help=_("Thực hiện các việc đang chờ trên một căn cứ; việc “thay đổi” được làm là thu hồi."),
    epilog=_listed(Act.REVOKE, Act.SUSPEND),
)
@click.argument("draft_ids", nargs=-1, required=True, type=click.IntRange(min=1))
@_agreement(Act.REVOKE, Act.SUSPEND)
@console.as_officer(Permission.CERTIFICATE_REVOKE)
def carry_out(services: Services, actor: Actor, draft_ids: tuple[int, ...], **said: Any) -> int:
    """The drafts become orders, all of them on a ground that fits, or none does."""
    revoking = services.issuance.revoking
    people: dict[Act, list[str]] = {}
    for row in revoking.drafts_of(actor, draft_ids):
        act = Act.REVOKE if row.act is Act.CHANGE else row.act
        people.setdefault(act, []).append(row.code)
    give = functools.partial(revoking.carry_out, actor, draft_ids)
    return _carry_out(services, actor, people, give, **said)


@draft.command(help=_("Bỏ qua các việc đang chờ, có ghi lý do."))
@click.argument("draft_ids", nargs=-1, required=True, type=click.IntRange(min=1))
@click.option("--reason", required=True, help=_("Lý do bỏ qua."))
@console.as_officer(Permission.CERTIFICATE_REVOKE)
def dismiss(services: Services, actor: Actor, draft_ids: tuple[int, ...], reason: str) -> None:
    """Nothing is done on them; the same finding does not open another draft."""
    services.issuance.revoking.drafts_of(actor, draft_ids)  # one that is not there: none is touched
    for draft_id in dict.fromkeys(draft_ids):
        services.issuance.revoking.dismiss(actor, draft_id, reason)
    say(_("Đã bỏ qua %(count)s việc."), count=len(set(draft_ids)))


def names_in(file: TextIO) -> list[str]:
    """The first column of a list, without empty lines and without a heading."""
    try:
        cells = [re.split(r"[\t;,]", line, maxsplit=1)[0].strip(' "\r\n') for line in file]
    except UnicodeDecodeError as error:
        raise Invalid(N_("Tệp danh sách phải là văn bản UTF-8.")) from error
    if cells and not re.search(r"[\d@]", cells[0]):
        del cells[0]  # neither a code nor an address: what the column is called
    return [cell for cell in cells if cell]


def _carry_out(
    services: Services,
    actor: Actor,
    people: Mapping[Act, Sequence[str]],
    give: Callable[..., Ordered],
    *,
    document: str,
    note: str,
    dry_run: bool,
    yes: bool,
    ground: Ground | None = None,
) -> int:
    """Shown, agreed to, given as an order; 0 when it is in force for everybody."""
    seen = []
    for act, names in people.items():
        warrant_of(rule_of(act, ground), document, note)  # said before anybody has to agree
        on = None if act is Act.RELEASE else ground
        seen.append(
            services.issuance.revoking.preview(actor, act=act, person_codes=names, ground=on)
        )
    if not _is_agreed(seen, dry_run=dry_run, yes=yes):
        return int(any(preview.refused for preview in seen))
    return _finish(services, actor, give(ground=ground, document_ref=document, note=note))


def _is_agreed(seen: Sequence[Preview], *, dry_run: bool, yes: bool) -> bool:
    """What would happen has been shown; True when there is anybody to do it to, and a yes."""
    if dry_run and console.wants_json():
        console.show_json([_told(preview) for preview in seen])
    elif not yes or dry_run:
        for preview in seen:
            _show(preview, to_stderr=not dry_run)
    people = sum(len(preview.lines) for preview in seen)
    if people == 0:
        if yes:
            console.show_refused(refused for preview in seen for refused in preview.refused)
        say(_("Không có ai để thực hiện việc này."), err=True)
    if dry_run or people == 0:
        return False
    question = _("Thực hiện cho %(count)d người?") % {"count": people}
    return yes or click.confirm(question, abort=True, err=True)


def _show(preview: Preview, *, to_stderr: bool) -> None:
    """To the reader on standard error, so that the answer alone is on standard output."""
    on = preview.ground
    act = _(ACT_NAMES[preview.act])
    say(f"{act}: {_(on.label)} ({_(on.source)})" if on else act, err=to_stderr)
    say(_(preview.effect), err=to_stderr)
    for line in preview.lines:
        person = f"{line.code:<12} {line.full_name:<28} {line.unit_name:<45}"
        say(f"{person} {line.serial_hex}  → {_(STATE_NAMES[line.becomes])}", err=to_stderr)
    console.show_refused(preview.refused)


def _told(preview: Preview) -> dict[str, object]:
    names = ("code", "unit_name", "not_after", "becomes")
    return {
        "act": preview.act,
        "ground": preview.ground.code if preview.ground else None,
        "can_be_undone": preview.can_be_undone,
        "persons": [
            console.facts(line, *names, name="full_name", certificate="serial_hex")
            for line in preview.lines
        ],
        "refused": console.refused_rows(preview.refused),
    }


def _finish(services: Services, actor: Actor, made: Ordered) -> int:
    """A long order is worked off here and now, beside any worker; then what came of it is said."""
    done, waiting, refused = made.done, 0, list(made.refused)
    if made.job_id is not None:
        job = console.work_off(services, made.job_id, _("Đang thực hiện"))
        done, waiting = job.done, job.waiting
        failed = {int(row.key): row for row in services.jobs.failures(made.job_id)}
        acts = services.issuance.revoking.history(actor, ids=list(failed), limit=len(failed) or 1)
        refused += [
            Refused(code=act.code, name=act.full_name, sentence=failed[act.id].sentence)
            for act in acts
        ]
    if console.wants_json():
        told = {"done": done, "waiting": waiting, "job": made.job_id}
        console.show_json(told | {"refused": console.refused_rows(refused)})
    else:
        console.show_refused(refused)
        say(_("Đã thực hiện cho %(count)d người."), count=done)
        if waiting:
            say(_("%(count)d người đang chờ tiến trình nền làm tiếp."), count=waiting)
    return int(bool(refused or waiting))
