"""Waits for what a thread or another process brings about."""

import time
from collections.abc import Callable

from flask import has_app_context

from signer.db import db


def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Returns once it is so; asks every 20 ms, so that others have the processor meanwhile."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        if has_app_context():
            db.session.rollback()  # what others committed is to be seen
        time.sleep(0.02)
