"""How a test's child process dies at a named point, as kill -9 would have it."""

import os
import signal

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session


class KillPoint:
    """Counts what happens and dies when the named thing happens for the n-th time."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._left = name, count
        self.commits = 0

    def reached(self, name: str) -> None:
        self.commits += name == "before commit"
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch_commits(self) -> None:
        """Every commit of this process is reached from both sides."""
        event.listen(Engine, "commit", lambda _: self.reached("before commit"))
        event.listen(Session, "after_commit", lambda _: self.reached("after commit"))
