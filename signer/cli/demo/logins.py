"""The demo's log-ins, kept in a file of 0600 so that every start can show them again."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

_FILE = "demo-logins.json"


@dataclass(frozen=True, kw_only=True)
class Login:
    """A name and password to try the product with; `purpose` is a sentence of the catalogue."""

    name: str
    password: str
    purpose: str
    values: dict[str, str] = field(default_factory=dict)
    """What stands in the sentence's fields."""

    def __repr__(self) -> str:
        return f"Login(name={self.name!r})"


def write_logins(home: Path, logins: Sequence[Login]) -> None:
    """The file holds these log-ins and nothing else."""
    descriptor = os.open(home / _FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump([asdict(login) for login in logins], stream, ensure_ascii=False, indent=1)


def read_logins(home: Path) -> tuple[Login, ...]:
    """The log-ins of this demo; none when their file was deleted."""
    try:
        rows = json.loads((home / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    return tuple(Login(**row) for row in rows)
