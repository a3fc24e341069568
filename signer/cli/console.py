"""What every command shares: the language, this installation, options, and how results are told."""

import functools
import gettext
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import click
from flask import Flask

from signer.accounts import Permission
from signer.clock import Clock
from signer.config import Settings, load_settings
from signer.db import db
from signer.errors import N_, ConfigError, SignerError, worded
from signer.inventory.paging import Page
from signer.issuance.views import Refused
from signer.jobs import Progress
from signer.pkcs11.token import configure_softhsm
from signer.services import Services, services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_P = ParamSpec("_P")
_T = TypeVar("_T")


def language() -> str:
    """`en` when the terminal's locale asks for English, else `vi`."""
    wanted = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "en" if (wanted or "").startswith("en") else "vi"


_TRANSLATIONS = Path(__file__).parent.parent / "translations"
if language() == "vi":  # click's own words ("Usage", "Options") come from the process's domain
    os.environ["LANGUAGE"] = "vi"
    gettext.bindtextdomain("click", _TRANSLATIONS)
    gettext.textdomain("click")
_catalogue = gettext.translation(
    "messages",
    _TRANSLATIONS,
    languages=[language()],
    fallback=True,  # the sentences themselves are Vietnamese
)
_ = _catalogue.gettext


def sentence(error: SignerError) -> str:
    """The error's sentence in the terminal's language."""
    return worded(_, error.sentence, error.values)


def settings_of_this_machine() -> Settings:
    """The settings, with SoftHSM told where this installation keeps its tokens."""
    settings = load_settings()
    if (settings.home / "tokens").is_dir():
        configure_softhsm(settings.home)
    return settings


@contextmanager
def opened(app: Flask) -> Iterator[Services]:
    """The services of the application; no HSM session and no connection of it is left open."""
    with app.app_context():
        rooms = services()
        try:
            yield rooms
        finally:
            rooms.hsm.close()
            db.session.remove()
            db.engine.dispose()


def with_services(command: Callable[Concatenate[Services, _P], _T]) -> Callable[_P, _T]:
    """The command gets the services of this installation as its first argument."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with opened(this_machine().create_rooms(settings_of_this_machine())) as rooms:
            return command(rooms, *args, **kwargs)

    return run


def as_officer(needed: Permission) -> Callable[[Callable[..., _T]], Callable[..., _T]]:
    """`--as` names who acts: the command gets the services and that actor, who has the permission.

    Where the actor has it is for the service to say.
    """

    def declare(command: Callable[..., _T]) -> Callable[..., _T]:  # options are click's mixed bag
        @functools.wraps(command)
        def run(rooms: Services, /, account: str, **told: Any) -> _T:
            actor = rooms.accounts.actor_of(account)
            actor.require(needed)
            return command(rooms, actor, **told)

        named = click.option("--as", "account", required=True, help=_("Tài khoản thực hiện."))
        return named(with_services(run))

    return declare


class CreateApp(Protocol):
    """Builds the application; on another clock than the machine's when one is handed in."""

    def __call__(self, settings: Settings, clock: Clock | None = None) -> Flask: ...


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the composition root hands to the commands, which may not import it."""

    create_app: "CreateApp"
    """All services with the doors of a server."""
    create_rooms: "CreateApp"
    """All services alone, which is what a command needs."""
    create_validation: Callable[
        [Settings], "tuple[WSGIApplication, Callable[[], None], Callable[[], None]]"
    ]
    """The validation role alone; what to call before the first question and after the last."""
    work: Callable[[Flask, Event], None]
    """Works off jobs until the event is set."""
    start_worker: Callable[[Flask], Callable[[], None]]
    """The same in a thread beside a server; what is returned ends it."""


def this_machine() -> Machine:
    """The machine of the command that is running."""
    return click.get_current_context().ensure_object(Machine)


# Options ----------------------------------------------------------------------------------------


class OneOf(click.Choice):  # type: ignore[type-arg]  # older releases of click know no argument
    """One member of the enumeration, or of some of them, typed by its value."""

    def __init__(self, kind: type[StrEnum], among: Iterable[StrEnum] | None = None) -> None:
        super().__init__([one.value for one in (kind if among is None else among)])
        self._kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return self._kind(super().convert(value, param, ctx))


class _Day(click.DateTime):
    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return super().convert(value, param, ctx).date()


DAY = _Day(["%Y-%m-%d", "%d/%m/%Y"])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
pin_option = click.option(
    "--pin-file",
    type=FILE,
    required=True,
    help=_("Tệp chứa mã PIN ở dòng đầu, chỉ chủ sở hữu đọc được."),
)
unit_option = click.option("--unit", help=_("Mã đơn vị; bỏ trống là toàn thành phố."))
dry_run_option = click.option("--dry-run", is_flag=True, help=_("Chỉ cho xem điều sẽ xảy ra."))
yes_option = click.option("--yes", is_flag=True, help=_("Thực hiện mà không hỏi lại."))
json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=lambda context, _option, wanted: context.meta.update({"signer.json": wanted}),
    help=_("In kết quả dạng JSON."),
)


def wants_json() -> bool:
    """Whether `--json` was given to the command that is running."""
    return bool(click.get_current_context().meta.get("signer.json"))


Rows = Iterable[tuple[Mapping[str, Any], str]]
"""Each as a machine is told it, and as a line for people."""


# What is told -----------------------------------------------------------------------------------


def say(sentence: str, *, err: bool = False, **values: Any) -> None:
    """The sentence, with its values, on a line of its own."""
    click.echo(sentence % values if values else sentence, err=err)


def answer(told: Mapping[str, object], sentence: str) -> None:
    """The result: all of it for a machine, else the sentence with those of its values it names."""
    if wants_json():
        show_json(told)
    else:
        click.echo(sentence % told)


def listing(total: str = "") -> Callable[[Callable[..., Rows]], Callable[..., None]]:
    """The command is a list, as JSON when that is wanted; else `total` says how many there were."""

    def declare(command: Callable[..., Rows]) -> Callable[..., None]:
        @json_option
        @with_services
        @functools.wraps(command)
        def show(rooms: Services, /, **asked: Any) -> None:
            rows = command(rooms, **asked)
            if wants_json():
                show_json([told for told, _line in rows])
                return
            count = 0
            for _told, line in rows:
                click.echo(line.rstrip())
                count += 1
            if total:
                say(total, count=count)

        return show

    return declare


def show_refused(refused: Iterable[Refused]) -> None:
    """Who was left out, and why, on standard error."""
    for row in refused:
        say(f"{row.code} {row.name}: {_(row.sentence)}", err=True)


def refused_rows(refused: Iterable[Refused]) -> list[dict[str, str]]:
    """The same for a machine."""
    return [{"code": row.code, "name": row.name, "message": _(row.sentence)} for row in refused]


def every(page_after: Callable[[str | None], Page[_T]]) -> Iterator[_T]:
    """All of a list that comes in pages, asked for with the token of the page before."""
    page = page_after(None)
    yield from page.items
    while page.next is not None:
        page = page_after(page.next)
        yield from page.items


def show_json(value: object) -> None:
    """One JSON document on standard output, for a machine to read."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def facts(of: object, *names: str, **called: str) -> dict[str, Any]:
    """These attributes of it: under their own names, and `called` otherwise."""
    return {name: getattr(of, name) for name in names} | {
        word: getattr(of, name) for word, name in called.items()
    }


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; call what is yielded with each number finished.

    Nothing is drawn where nobody watches (a pipe, a log).
    """
    with click.progressbar(
        length=total, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        yield bar.update


def work_off(rooms: Services, job_id: int, label: str) -> Progress:
    """How the job stands when all of it was tried here and now, beside any worker."""
    with progress(rooms.jobs.progress(job_id).waiting, label) as advance:
        rooms.jobs.run(rooms.job_handlers, job_id=job_id, on_progress=advance)
    return rooms.jobs.progress(job_id)


def secret_from(file: Path) -> str:
    """The first line of the file; says so when others may read it too."""
    if file.stat().st_mode & 0o077:
        warning = _("Cảnh báo: người khác đọc được tệp %(file)s; hãy đặt quyền 0600 cho tệp này.")
        click.echo(warning % {"file": file.name}, err=True)
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0].strip():
        raise ConfigError(N_("Tệp bí mật %(file)s trống."), file=file.name)
    return lines[0].strip()
