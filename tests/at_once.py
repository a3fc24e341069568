"""Threads that ask for the same thing in the same moment."""

import threading
from collections.abc import Callable

from flask import Flask

from signer.db import db
from signer.errors import SignerError

ASKERS = 50


def all_at_once(app: Flask, ask: Callable[[int], object], *, askers: int = ASKERS) -> list[object]:
    """What each of so many threads got, an error included."""
    outcomes: list[object] = [None] * askers
    start = threading.Barrier(askers, timeout=30)

    def run(place: int) -> None:
        with app.app_context():
            start.wait()
            try:
                outcomes[place] = ask(place)
            except SignerError as error:
                outcomes[place] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(askers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
