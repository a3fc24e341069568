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
from signer.cli.console import _, facts, opened, say, settings_of_this_machine
from signer.clock import Clock
from signer.config import Settings
from signer.db import db
from signer.errors import N_
from signer.services import Services


def run(file: Path, create_rooms: Callable[[Settings], Flask], *, only_check: bool) -> None:
    """The ceremony in the file is held, or only checked; says what came of each step."""
    settings = settings_of_this_machine()
    ceremony = read_ceremony(file, settings)
    show = _Lines(ceremony)
    now = Clock().now()
    say(ceremony.title)
    if only_check:
        for done in look_at_ceremony(settings, now, ceremony):
            show(done.step, None)
            show(done.step, done)
        say(_("Tệp nghi lễ hợp lệ; chưa có gì được tạo."))
        return
    with _rooms(settings, create_rooms) as rooms:
        held = hold_ceremony(settings, now, ceremony=ceremony, rooms=rooms, tell=show)
    if any(isinstance(step, RoleStep) for step in held.waiting):
        say(_("Còn chứng thư chờ cơ sở dữ liệu: hãy chạy “signer setup” ở máy chủ."))
    if held.transcript is None and not held.made:
        say(_("Không có gì thay đổi."))
    if held.transcript is not None:
        say(_("Biên bản: %(file)s"), file=held.transcript)


@contextmanager
def _rooms(
    settings: Settings, create_rooms: Callable[[Settings], Flask]
) -> Iterator[Callable[[], Services | None]]:
    """Gives what opens the service, once the CA's certificates are there; None without database."""
    with ExitStack() as stack:

        @cache
        def rooms() -> Services | None:
            if not settings.below_home(settings.secret_key_file).exists():
                return None  # a machine for ceremonies alone
            found = stack.enter_context(opened(create_rooms(settings)))
            return found if migrations.is_current(db.engine) else None

        yield rooms


class _Lines:
    """Writes a line for each step: what it is before it is taken, what came of it after."""

    def __init__(self, ceremony: Ceremony) -> None:
        self._ceremony = ceremony
        self._taken = 0

    def __call__(self, step: Step, done: Done | None) -> None:
        if done is not None:
            say(_(_OUTCOMES[done.outcome]))
            return
        self._taken += 1
        place = f"[{self._taken}/{len(self._ceremony.steps)}]"
        click.echo(f"{place} {step.output} ({self._described(step)}): ", nl=False)

    def _described(self, step: Step) -> str:
        if isinstance(step, CrlStep):
            return _("danh sách thu hồi của CA %(issuer)s") % {"issuer": step.issuer}
        if isinstance(step, CrossStep):
            return _("CA %(subject)s do CA %(issuer)s chứng thực chéo") % facts(
                step, "subject", "issuer"
            )
        assert isinstance(step, CaStep | RoleStep)
        told = facts(step.key, "algorithm", "label") | {"name": step.common_name}
        told["token"] = self._ceremony.token_of(step.key).label
        return _("“%(name)s”, khóa %(algorithm)s “%(label)s” trên token “%(token)s”") % told


_OUTCOMES = {
    Outcome.KEPT: N_("đã có, không đổi"),
    Outcome.MADE: N_("đã tạo"),
    Outcome.MISSING: N_("sẽ tạo"),
    Outcome.WAITING: N_("còn chờ"),
}
