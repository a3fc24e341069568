"""What every command shares: the language, this installation, errors and progress."""

import functools
import gettext
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

import click
from flask import Flask

from signer.clock import Clock
from signer.config import Settings, load_settings
from signer.errors import N_, ConfigError, SignerError, worded
from signer.pkcs11.token import configure_softhsm
from signer.services import Services

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


def with_services(command: Callable[Concatenate[Services, _P], _T]) -> Callable[_P, _T]:
    """The command gets the services of this installation as its first argument."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        app = this_machine().create_app(settings_of_this_machine())
        with app.app_context():
            try:
                return command(app.extensions["signer"], *args, **kwargs)
            finally:
                app.extensions["signer"].hsm.close()

    return run


def show_json(value: object) -> None:
    """One JSON document on standard output, for a machine to read."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


class CreateApp(Protocol):
    """Builds the application; on another clock than the machine's when one is handed in."""

    def __call__(self, settings: Settings, clock: Clock | None = None) -> Flask: ...


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the composition root hands to the commands, which may not import it."""

    create_app: "CreateApp"
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


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; call what is yielded with each number finished.

    Nothing is drawn where nobody watches (a pipe, a log).
    """
    with click.progressbar(
        length=total, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        yield bar.update


def secret_from(file: Path) -> str:
    """The first line of the file; says so when others may read it too."""
    if file.stat().st_mode & 0o077:
        warning = _("Cảnh báo: người khác đọc được tệp %(file)s; hãy đặt quyền 0600 cho tệp này.")
        click.echo(warning % {"file": file.name}, err=True)
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0].strip():
        raise ConfigError(N_("Tệp bí mật %(file)s trống."), file=file.name)
    return lines[0].strip()
