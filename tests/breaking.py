"""The n-th call fails: statements, commits, signatures, files; every one that an act makes."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from signer.db import db
from tests.hsm.faulty import counting, faulty

Point = tuple[str, int]
"""What fails, and at its how-manieth call."""
_heard: Callable[[str], None] | None = None


def _hook(name: str, arguments: tuple[Any, ...]) -> None:
    """Files that are opened to be written, and that take the place of others."""
    if _heard is None:
        return
    if name == "os.rename":
        _heard("a file replaced")
    elif name == "open" and len(arguments) == 3 and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        _heard("a file written")


sys.addaudithook(_hook)  # for good: a hook cannot be taken away, so it listens only when asked


@contextmanager
def _listening(heard: Callable[[str], None]) -> Iterator[None]:
    global _heard

    def statement(*_arguments: Any) -> None:
        heard("a statement")

    def commit(connection: Any) -> None:
        heard("a commit")
        really_commit(connection)
        heard("the answer to a commit")

    dialect: Any = db.engine.dialect
    really_commit = dialect.do_commit
    dialect.do_commit = commit
    event.listen(Engine, "before_cursor_execute", statement)
    _heard = heard
    try:
        yield
    finally:
        _heard = None
        event.remove(Engine, "before_cursor_execute", statement)
        dialect.do_commit = really_commit


def calls_of(act: Callable[[], object]) -> list[Point]:
    """Every call that the act makes when nothing fails, of the database, the HSM, the files."""
    seen: Counter[str] = Counter()
    with _listening(lambda name: seen.update([name])), counting() as hsm:
        act()
    seen.update(hsm)
    return [(name, number) for name in sorted(seen) for number in range(1, seen[name] + 1)]


@contextmanager
def failing(point: Point) -> Iterator[None]:
    """That call fails inside the block, and those after it work again."""
    name, number = point
    if name.startswith("C_"):
        with faulty(name, on_call=number):
            yield
        return
    left = number

    def heard(what: str) -> None:
        nonlocal left
        if what == name:
            left -= 1
            if left == 0:
                raise _failure(name)

    with _listening(heard):
        yield


def _failure(name: str) -> Exception:
    if "file" in name:
        return OSError(ENOSPC, "No space left on device")
    return OperationalError("", {}, Exception("the connection is gone"))
