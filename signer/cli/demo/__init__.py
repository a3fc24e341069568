"""The demo city: invented people, requests and dossiers, made through the real services.

Here is what set-up and every later start need of it; the rest is loaded only to make one.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from signer.clock import Clock

HISTORY_DAYS = 60
"""How long ago the demo begins: it was not all done this morning."""
_FILE = "demo-logins.json"


class EarlierClock(Clock):
    """A clock that goes right but is so many days behind, until it is told to be fewer."""

    def __init__(self, days: int) -> None:
        self._behind = timedelta(days=days)

    def now(self) -> datetime:
        """The instant that it shows."""
        return super().now() - self._behind

    def come_to(self, days_ago: int) -> None:
        """So many days are left; never more than before, for what happened stays in order."""
        self._behind = min(self._behind, timedelta(days=days_ago))


@dataclass(frozen=True, kw_only=True)
class Login:
    """A name and password to try the product with; `purpose` is a sentence of the catalogue."""

    name: str
    password: str = field(repr=False)
    purpose: str
    values: dict[str, str] = field(default_factory=dict, repr=False)
    """What stands in the sentence's fields."""


def write_logins(home: Path, logins: Sequence[Login]) -> None:
    """The file holds these log-ins and nothing else; only its owner reads it."""
    descriptor = os.open(home / _FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump([asdict(login) for login in logins], stream, ensure_ascii=False, indent=1)


def read_logins(home: Path) -> tuple[Login, ...]:
    """The log-ins of this demo, shown at every start; none when their file was deleted."""
    file = home / _FILE
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return tuple(Login(**row) for row in rows)
