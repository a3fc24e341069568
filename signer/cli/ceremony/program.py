"""A ceremony on a terminal: a line for each step while it is held, or looked at."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import click
from flask import Flask

from signer import migrations
from signer.cli.ceremony import hold_ceremony, look_at_ceremony, read_ceremony
from signer.cli.ceremony.holding import Done, Outcome
from signer.cli.ceremony.plan import CaStep, Ceremony, CrlStep, CrossStep, RoleStep, Step
from signer.cli.console import _, settings_of_this_machine
from signer.clock import Clock
from signer.config import Settings
from signer.db import db
from signer.errors import N_
from signer.services import Services, services


def run(file: Path, create_app: Callable[[Settings], Flask], *, only_check: bool) -> None:
    """The ceremony in the file is held, or only checked; says what came of each step."""
    settings = settings_of_this_machine()
    ceremony = read_ceremony(file, settings)
    show = _Lines(ceremony)
    now = Clock().now()
    click.echo(ceremony.title)
    if only_check:
        for done in look_at_ceremony(settings, now, ceremony):
            show(done.step, None)
            show(done.step, done)
        click.echo(_("Tệp nghi lễ hợp lệ; chưa có gì được tạo."))
        return
    with _rooms(settings, create_app) as rooms:
        held = hold_ceremony(settings, now, ceremony=ceremony, rooms=rooms, tell=show)
    if any(isinstance(step, RoleStep) for step in held.waiting):
        click.echo(_("Còn chứng thư chờ cơ sở dữ liệu: hãy chạy “signer setup” ở máy chủ."))
    if held.transcript is None and not held.made:
        click.echo(_("Không có gì thay đổi."))
    if held.transcript is not None:
        click.echo(_("Biên bản: %(file)s") % {"file": held.transcript})


@contextmanager
def _rooms(
    settings: Settings, create_app: Callable[[Settings], Flask]
) -> Iterator[Callable[[], Services | None]]:
    """Gives what opens the service, once the CA's certificates are there; None without database."""
    with ExitStack() as stack:

        @cache
        def opened() -> Services | None:
            if not settings.below_home(settings.secret_key_file).exists():
                return None  # a machine for ceremonies alone
            app = create_app(settings)
            stack.enter_context(app.app_context())
            rooms = services()
            stack.callback(_close, rooms)
            return rooms if migrations.is_current(db.engine) else None

        yield opened


def _close(rooms: Services) -> None:
    rooms.hsm.close()
    db.session.remove()
    db.engine.dispose()


class _Lines:
    """Writes a line for each step: what it is before it is taken, what came of it after."""

    def __init__(self, ceremony: Ceremony) -> None:
        self._ceremony = ceremony
        self._taken = 0

    def __call__(self, step: Step, done: Done | None) -> None:
        if done is not None:
            click.echo(_(_OUTCOMES[done.outcome]))
            return
        self._taken += 1
        place = f"[{self._taken}/{len(self._ceremony.steps)}]"
        click.echo(f"{place} {step.output} ({self._described(step)}): ", nl=False)

    def _described(self, step: Step) -> str:
        if isinstance(step, CrlStep):
            return _("danh sách thu hồi của CA %(issuer)s") % {"issuer": step.issuer}
        if isinstance(step, CrossStep):
            words = _("CA %(subject)s do CA %(issuer)s chứng thực chéo")
            return words % {"subject": step.subject, "issuer": step.issuer}
        assert isinstance(step, CaStep | RoleStep)
        return _("“%(name)s”, khóa %(algorithm)s “%(label)s” trên token “%(token)s”") % {
            "name": step.common_name,
            "algorithm": step.key.algorithm,
            "label": step.key.label,
            "token": self._ceremony.token_of(step.key).label,
        }


_OUTCOMES = {
    Outcome.KEPT: N_("đã có, không đổi"),
    Outcome.MADE: N_("đã tạo"),
    Outcome.MISSING: N_("sẽ tạo"),
    Outcome.WAITING: N_("còn chờ"),
}
