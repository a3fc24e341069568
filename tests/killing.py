"""How a test's child process dies at a named point, as kill -9 would have it."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

NEVER = ("never", 0)


class KillPoint:
    """Counts what happens and dies when the named thing happens for the n-th time."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._left = name, count
        self.seen: Counter[str] = Counter()

    def reached(self, name: str) -> None:
        self.seen[name] += 1
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch_commits(self) -> None:
        """Every commit of this process is reached from both sides."""
        event.listen(Engine, "commit", lambda _: self.reached("before commit"))
        event.listen(Session, "after_commit", lambda _: self.reached("after commit"))

    def watch_files(self) -> None:
        """So is every moment before a whole file takes the place of another."""

        def hook(name: str, _: object) -> None:
            if name == "os.rename":
                self.reached("before a file is replaced")

        sys.addaudithook(hook)


def boundaries(seen: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Each point that an undisturbed run came past: none is left out."""
    for name, times in sorted(seen.items()):
        for count in range(1, times + 1):
            yield name, count
