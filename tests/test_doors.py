"""Rules about every door at once: each address names its access, each command explains itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from babel.messages.pofile import read_po
from flask import Flask

from signer.cli import cli
from signer.doors import access_of

PROJECT = Path(__file__).resolve().parent.parent
CATALOGUE = PROJECT / "signer" / "translations" / "en" / "LC_MESSAGES" / "messages.po"


def commands(group: click.Group, path: str = "signer") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


@pytest.mark.doors
def test_every_address_names_its_access(app: Flask) -> None:
    """Deny by default: a view on which nobody decided would be a hole, so there is none."""
    undecided = [
        str(rule)
        for rule in app.url_map.iter_rules()
        if access_of(app.view_functions[rule.endpoint]) is None
    ]
    assert undecided == []


def test_every_command_explains_itself_in_both_languages() -> None:
    """Each command and option has a Vietnamese sentence with an English one in the catalogue."""
    with CATALOGUE.open("rb") as stream:
        english = {message.id for message in read_po(stream, locale="en") if message.string}
    lacking = []
    for path, command in [("signer", cli), *commands(cli)]:
        texts = [command.help]
        texts += [param.help for param in command.params if isinstance(param, click.Option)]
        lacking += [f"{path}: {text!r}" for text in texts if not text or text not in english]
    assert lacking == []


def test_every_sentence_has_its_english() -> None:
    """The catalogue has every marked sentence, nothing unused, and the same fields."""
    result = subprocess.run(
        [sys.executable, PROJECT / "scripts" / "catalogue", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
