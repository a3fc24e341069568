"""`signer setup`: from an empty folder to an installation that serves; the second time, a look."""

import os
import secrets
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import select

from signer import migrations
from signer.accounts import SYSTEM, Role
from signer.accounts.models import Account
from signer.cli.ceremony import ceremony_is_due, ceremony_of, hold_ceremony
from signer.cli.console import CreateApp, _, opened, say, settings_of_this_machine, this_machine
from signer.cli.demo import HISTORY_DAYS, EarlierClock, Login, read_logins
from signer.cli.serving import PLACES, serve_embedded
from signer.clock import HANOI, Clock
from signer.config import Settings, load_settings
from signer.db import db
from signer.errors import N_, ConfigError, Unavailable
from signer.services import Services

ADMIN = "admin"
_UNFINISHED = "demo.unfinished"
"""Lies in the home while the demo city is being made; with it, the home holds nothing else."""
_OUR_FILES = ("settings.toml", "signer.sqlite3", "softhsm2.conf", "secret.key")


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """What set-up left: the settings to serve with, log-ins to show, and whether it did much."""

    settings: Settings
    logins: tuple[Login, ...]
    is_new: bool


@click.command(help=_("Cài đặt những gì còn thiếu rồi phục vụ trang web."))
@click.option("--no-serve", is_flag=True, help=_("Chỉ cài đặt, không phục vụ."))
@click.option("--empty", is_flag=True, help=_("Không tạo dữ liệu mẫu."))
@click.option("--reset", is_flag=True, help=_("Bắt đầu lại; dữ liệu cũ được chuyển sang bên."))
@click.option("--port", default=8080, show_default=True, help=_("Cổng."))
def setup(no_serve: bool, empty: bool, reset: bool, port: int) -> None:
    """Everything that is missing is made; then the product is served, unless told otherwise."""
    settings = load_settings()
    if reset and settings.home.exists():
        if sys.stdin.isatty():
            question = _("Chuyển toàn bộ dữ liệu trong %(folder)s sang bên và bắt đầu lại?")
            click.confirm(question % {"folder": settings.home}, abort=True)
        say(_("Dữ liệu cũ nằm tại: %(folder)s"), folder=set_aside(settings))
    made = set_up(settings, this_machine().create_rooms, demo=not empty, port=port)
    show_logins(made)
    if no_serve:
        say(_("Đã cài đặt xong. Chạy scripts/run để phục vụ."))
        return
    say(_("Đang phục vụ tại http://localhost:%(port)d (nhấn Ctrl+C để dừng)."), port=port)
    if made.is_new:  # the HSM was opened here: a server begins with a process of its own
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, sys.argv[0], "serve", "--port", str(port)])  # noqa: S606  # our own command, no shell
    serve_embedded(this_machine(), port, PLACES)


def set_up(settings: Settings, create_rooms: CreateApp, *, demo: bool, port: int = 8080) -> SetUp:
    """The installation below `settings.home` is complete; what exists is kept.

    `demo` fills a home that is made now with the invented city, and never one that exists. A
    demo that was killed half-way is set aside and begun anew.
    """
    if (settings.home / _UNFINISHED).exists():
        set_aside(settings)
    is_new = not _is_ours(settings.home)
    settings = _prepare_home(settings, demo=demo, port=port) if is_new else settings
    if is_new and demo:
        (settings.home / _UNFINISHED).touch()
    settings = settings_of_this_machine() if (settings.home / "tokens").is_dir() else settings
    # The demo has a past, and an authority is older than what it certified.
    clock = EarlierClock(HISTORY_DAYS) if is_new and demo else Clock()
    now = clock.now()
    ceremony = ceremony_of(settings)
    if ceremony_is_due(settings, now, ceremony):
        say(f"{_('Tạo token, khóa và chứng thư của CA')}…", err=True)
        hold_ceremony(settings, now, ceremony=ceremony)
    with opened(create_rooms(settings, clock)) as rooms:
        logins = _fill(rooms, settings, clock)
    (settings.home / _UNFINISHED).unlink(missing_ok=True)
    return SetUp(settings=settings, logins=logins, is_new=is_new)


def set_aside(settings: Settings) -> Path:
    """The home is moved, whole, to a new name beside it, which is returned; nothing is deleted."""
    home = settings.home
    if not _is_ours(home):
        raise ConfigError(
            N_("Thư mục %(folder)s không phải do phần mềm này tạo nên không được chuyển đi."),
            folder=str(home),
        )
    if settings.database_url:
        raise ConfigError(
            N_("Không thể bắt đầu lại khi dùng cơ sở dữ liệu ngoài; hãy sao lưu và làm thủ công.")
        )
    stamp = datetime.now(HANOI).strftime("%Y%m%d-%H%M%S")
    aside = home.with_name(f"{home.name}-{stamp}")
    home.rename(aside)
    return aside


def show_logins(made: SetUp) -> None:
    """Names and passwords, on the terminal; a one-time password is shown this once."""
    if made.settings.demo:
        click.secho(_("DỮ LIỆU MẪU: người và hồ sơ đều do phần mềm đặt ra."), bold=True)
    for login in made.logins:
        purpose = _(login.purpose) % login.values if login.values else _(login.purpose)
        click.echo(f"  {login.name:<18} {login.password:<20} {purpose}")


def _prepare_home(settings: Settings, *, demo: bool, port: int) -> Settings:
    """The folder, its settings file and the secret key; returns the settings as read from there."""
    home = settings.home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    lines = [f'base_url = "http://localhost:{port}"'] if port != 8080 else []
    lines += ["demo = true"] if demo else []
    _write_new(home / "settings.toml", "".join(f"{line}\n" for line in lines))
    _write_new(settings.below_home(settings.secret_key_file), secrets.token_hex(32) + "\n")
    (home / "tokens").mkdir(mode=0o700, exist_ok=True)
    return load_settings(os.environ | {"SIGNER_HOME": str(home)})


def _fill(rooms: Services, settings: Settings, clock: Clock) -> tuple[Login, ...]:
    """Schema, units and accounts; the demo city, on its own clock, in a new home of its own."""
    if not (migrations.is_current(db.engine) and rooms.reports.is_complete()):
        say(f"{_('Tạo hoặc nâng cấp cơ sở dữ liệu')}…", err=True)
        migrations.upgrade(db.engine)
        rooms.inventory.index_names()  # what is derived is derived from older rows too
        rooms.reports.rebuild()
    _certify_roles(settings, rooms)
    rooms.inventory.load_units()
    if settings.demo:
        if isinstance(clock, EarlierClock):
            from signer.cli.demo.city import make_city  # PDF tools are loaded only to make papers

            make_city(rooms, clock)
        return read_logins(settings.home)
    if db.session.scalar(select(Account.id).limit(1)) is not None:
        return ()
    made = rooms.accounts.create(SYSTEM, name=ADMIN, role=Role.ADMIN, scope_path="")
    purpose = N_("Quản trị hệ thống; phải đổi mật khẩu này khi đăng nhập lần đầu.")
    return (Login(name=made.name, password=made.password, purpose=purpose),)


def _certify_roles(settings: Settings, rooms: Services) -> None:
    """OCSP signer and TSA have their certificates: the ledger's, so they wait for the database."""
    ceremony = ceremony_of(settings)
    try:
        hold_ceremony(settings, rooms.clock.now(), ceremony=ceremony, rooms=lambda: rooms)
    except Unavailable:  # an HSM that is away keeps nobody from starting what is complete
        if not all((settings.pki / step.output).exists() for step in ceremony.steps):
            raise


def _is_ours(home: Path) -> bool:
    return any((home / name).exists() for name in _OUR_FILES)


def _write_new(file: Path, text: str) -> None:
    """The file exists, readable by its owner only; one that was there is left alone."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
