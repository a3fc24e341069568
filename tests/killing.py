"""How a test's child process dies at a named point, as kill -9 would have it."""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

NEVER = ("never", 0)
PROJECT = Path(__file__).parents[1]


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


class Mortals:
    """Children that each carry out one plan and may be killed by it.

    Their parent is a process of its own that has imported the module and opened nothing, neither
    HSM nor database: a child is a fork of it, there at once and as new as a process can be.
    """

    def __init__(self, module: str) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )

    def seen(self, plan: Mapping[str, Any]) -> list[tuple[str, int]]:
        """Every point that the plan comes past when nobody disturbs it."""
        name, count = NEVER
        ended = self._bear(plan, name, count)
        assert ended["status"] == 0, ended["error"]
        return list(boundaries(ended["seen"]))

    def kill(self, plan: Mapping[str, Any], point: tuple[str, int]) -> None:
        """The plan was carried out up to that point, and there its process died."""
        ended = self._bear(plan, *point)
        assert ended["status"] == -signal.SIGKILL, (point, ended["error"])

    def close(self) -> None:
        self._parent.communicate()

    def _bear(self, plan: Mapping[str, Any], name: str, count: int) -> dict[str, Any]:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(json.dumps([plan, name, count]), file=self._parent.stdin, flush=True)
        ended: dict[str, Any] = json.loads(self._parent.stdout.readline())
        return ended


def bear(act: Callable[[dict[str, Any], KillPoint], None]) -> None:
    """The whole life of the parent: a child for each line it is given, until there is none."""
    for line in sys.stdin:
        plan, name, count = json.loads(line)
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            _live(act, plan, KillPoint(name, count), tell)
        os.close(tell)
        with os.fdopen(told) as stream:
            last_words = stream.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        words = json.loads(last_words) if last_words else {"seen": {}, "error": "silent"}
        print(json.dumps({"status": status, **words}), flush=True)


def _live(
    act: Callable[[dict[str, Any], KillPoint], None],
    plan: dict[str, Any],
    point: KillPoint,
    tell: int,
) -> None:
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # the parent's answers go there
    error = ""
    try:
        act(plan, point)
    except BaseException:  # noqa: BLE001  # whatever it was, the test must read it
        error = traceback.format_exc()
    with os.fdopen(tell, "w") as stream:
        json.dump({"seen": point.seen, "error": error}, stream)
    os._exit(1 if error else 0)
