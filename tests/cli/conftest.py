"""Commands typed in this process, on this test's installation, or run as processes of their own."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from signer.accounts import Role
from signer.app import create_rooms
from signer.cli import Machine, main
from signer.config import Settings
from signer.db import db, release
from tests.clocks import StandingClock
from tests.factories import OTHER_WARD, City

ROOT = Path(__file__).parents[2]
SIGNER = ("-c", "import sys; from signer.app import main; sys.exit(main())")
"""What Python is given to be the command `signer`."""
Typed = Callable[..., tuple[str, str]]


def program(
    home: Path, *words: object, language: str = "vi_VN", stdin: int = subprocess.DEVNULL
) -> "subprocess.CompletedProcess[str]":
    """The finished program, in an environment of its own: nothing of the tests leaks in."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNER_", "SOFTHSM2"))}
    own = {"SIGNER_HOME": str(home), "PYTHONPATH": str(ROOT), "LC_ALL": f"{language}.UTF-8"}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=kept | own,
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.fixture
def signer(
    settings: Settings,
    clock: StandingClock,
    city: City,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Typed:
    """Types a command, checks its exit code, and gives back both outputs.

    The command opens this test's installation anew, as a process of its own would.
    """
    city.actor("huong", Role.HR)
    city.actor("lanh-dao", Role.APPROVER)
    city.actor("xa", Role.HR, OTHER_WARD)
    monkeypatch.setenv("SIGNER_HOME", str(settings.home))

    opened: list[Flask] = []

    def open_anew(_loaded: Settings) -> Flask:
        opened.append(create_rooms(settings, clock))
        return opened[-1]

    def no_server(*_words: object) -> Any:  # these commands start none
        raise AssertionError

    machine = Machine(
        create_app=no_server,
        create_rooms=open_anew,
        create_validation=no_server,
        work=no_server,
        start_worker=no_server,
    )

    def run(*words: object, code: int = 0, answer: str = "") -> tuple[str, str]:
        release()
        monkeypatch.setattr(sys, "argv", ["signer", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        capsys.readouterr()
        found = main(machine)
        while opened:  # what the end of a process would close
            with opened.pop().app_context():
                db.engine.dispose()
        out, err = capsys.readouterr()
        assert found == code, (words, out, err)
        return out, err

    return run
