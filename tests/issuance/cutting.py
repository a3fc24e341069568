"""Cutting an act off between two of its commits, in the test's own process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.orm import Session

from signer.db import db


class CutOff(Exception):
    """What stops the act where the power would have gone."""


@contextmanager
def _only(commits: int) -> Iterator[None]:
    left = commits

    def count(_session: Session) -> None:
        nonlocal left
        if left == 0:
            raise CutOff
        left -= 1

    event.listen(Session, "before_commit", count)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", count)


def is_cut_off(act: Callable[[], object], commits: int) -> bool:
    """True when the act needed more than so many commits; the rest of it never happened."""
    try:
        with _only(commits):
            act()
    except CutOff:
        return True
    finally:
        db.session.rollback()
    return False
