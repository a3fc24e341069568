"""A hostile file is read in a child process with limits on memory and time, never in the server.

The parent speaks JSON with the child (plus raw byte strings), never pickle: a child that was
taken over by a file can answer nonsense, but cannot make the parent run anything.
"""

import atexit
import contextlib
import json
import logging
import os
import queue
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from signer import errors
from signer.errors import N_, SignerError, Unavailable

logger = logging.getLogger(__name__)

MEMORY_BYTES = 1536 * 1024 * 1024
"""Address space of one child: pdfium, pyHanko and a 300-dpi A4 page need under a third of it."""

COLD_START_SECONDS = 10.0
"""What a child may take to import the libraries, on top of its first task's own time."""

CALLS_PER_CHILD = 20_000
"""A child is replaced after so many answers, so that a library's leak stays small; starting
another takes as long as some hundred signatures."""

PIPE_BYTES = 1 << 16
"""What a pipe holds; a larger buffer is got from the system and given back at every reading."""

REPLY_LIMIT_BYTES = 256 * 1024 * 1024
"""The parent reads no larger answer: the largest honest one is the image of a poster."""


class Trouble(StrEnum):
    """Why a child gave no answer."""

    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"


class SandboxFailure(Exception):
    """The child did not finish the task; its caller in this package turns it into a verdict."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(f"{trouble}: {detail}")
        self.trouble = trouble


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the task returned: a JSON value and raw byte strings beside it."""

    value: Any  # JSON: its shape is the task's own business
    blobs: tuple[bytes, ...] = ()


class _Child:
    """One process that takes one task at a time over its own pair of pipes."""

    def __init__(self, memory_bytes: int) -> None:
        self.calls = 0
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-m", "signer.signing.sandbox_child", str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            close_fds=True,
            start_new_session=True,  # a Ctrl-C meant for the server is not the child's
            env={  # no settings, no secrets of the server
                "PATH": os.defpath,
                "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
                "LANG": "C.UTF-8",
                "OMP_NUM_THREADS": "1",
            },
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in = self.process.stdin.fileno()
        self._out = self.process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def ask(self, message: bytes, deadline: float) -> bytes:
        """The bytes of the child's answer; `SandboxFailure` when it is late or gone."""
        self.calls += 1
        view = memoryview(message)
        while view:
            try:
                view = view[os.write(self._in, view[: 1 << 20]) :]
            except BlockingIOError:
                _wait_for(self._in, select.POLLOUT, deadline)
            except BrokenPipeError as error:
                raise self._gone() from error
        answer, wanted = bytearray(), 8
        while len(answer) < wanted:
            _wait_for(self._out, select.POLLIN, deadline)
            part = os.read(self._out, PIPE_BYTES)
            if not part:
                raise self._gone()
            answer += part
            if wanted == 8 and len(answer) >= 8:
                wanted += struct.unpack_from(">Q", answer)[0]
                if wanted > REPLY_LIMIT_BYTES:
                    raise SandboxFailure(Trouble.CRASH, f"answer of {wanted} bytes")
        return bytes(memoryview(answer)[8:wanted])

    def _gone(self) -> SandboxFailure:
        code = self.process.wait()
        return SandboxFailure(Trouble.CRASH, f"child ended with {code}")

    def kill(self) -> None:
        """The process is gone and reaped."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _wait_for(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()  # unlike select(), it takes descriptors above 1023
    poll.register(descriptor, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise SandboxFailure(Trouble.TIMEOUT, "no answer in time")


class Sandbox:
    """A few child processes, started when first needed and replaced when they die.

    Safe for threads; after a fork the new process starts its own children.
    """

    def __init__(
        self,
        *,
        children: int = 2,
        memory_bytes: int = MEMORY_BYTES,
        wait_seconds: float = float("inf"),
    ) -> None:
        """`wait_seconds` is the longest wait for a free child; never more than the task's own."""
        self._children = children
        self._wait_seconds = wait_seconds
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._pid = 0
        self._slots: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        self._foreign: list[queue.LifoQueue[_Child | None]] = []

    def call(
        self,
        task: str,
        arguments: Mapping[str, Any],  # JSON
        blobs: Sequence[bytes] = (),
        *,
        seconds: float,
    ) -> Reply:
        """What the task ("module:function" below `signer.signing`) returned.

        `SandboxFailure` when it ran out of time or memory or crashed (its child is replaced);
        `Unavailable` when no child became free in time; a `SignerError` the task raised comes
        out as it was.
        """
        message = pack({"task": task, "arguments": arguments, "seconds": seconds}, blobs)
        slots = self._own_slots()
        try:
            child = slots.get(timeout=min(seconds, self._wait_seconds))
        except queue.Empty:
            raise Unavailable(
                N_("Máy chủ đang xử lý nhiều tệp. Hãy thử lại sau ít phút.")
            ) from None
        deadline = time.monotonic() + seconds  # waiting for a child was not the file's fault
        try:
            if child is None:
                child = _Child(self._memory_bytes)
                deadline += COLD_START_SECONDS
            value, answer_blobs = unpack(child.ask(message, deadline))
        except SandboxFailure as failure:
            logger.warning("sandbox task %s: %s", task, failure)
            child = self._without(child)
            raise
        except ValueError as error:
            child = self._without(child)
            raise SandboxFailure(Trouble.CRASH, "unreadable answer") from error
        except BaseException:
            child = self._without(child)
            raise
        finally:
            if child is not None and child.calls >= CALLS_PER_CHILD:
                child = self._without(child)
            slots.put(child)
        return _reply(task, value, answer_blobs)

    def warm(self) -> None:
        """One child is up and has imported the PDF libraries; call it once after the fork."""
        with contextlib.suppress(SandboxFailure, Unavailable):
            self.call("sandbox_child:warm", {}, seconds=30)

    def close(self) -> None:
        """All children of this process are gone; a later call starts new ones."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._pid = 0
            slots = self._slots
        with contextlib.suppress(queue.Empty):
            while True:
                child = slots.get_nowait()
                if child is not None:
                    child.kill()

    def _own_slots(self) -> "queue.LifoQueue[_Child | None]":
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._foreign.append(self._slots)  # the parent's children: not ours to reap
                    self._slots = queue.LifoQueue()
                    for _ in range(self._children):
                        self._slots.put(None)
                    self._pid = os.getpid()
        return self._slots

    @staticmethod
    def _without(child: _Child | None) -> None:
        if child is not None:
            child.kill()


def _reply(task: str, value: Any, blobs: tuple[bytes, ...]) -> Reply:
    if not isinstance(value, dict):
        raise SandboxFailure(Trouble.CRASH, "unreadable answer")
    if "error" in value:
        if value["error"].get("cause"):
            logger.info("sandbox task %s: %s", task, value["error"]["cause"])
        raise _error_from(value["error"])
    if "trouble" in value:
        logger.warning("sandbox task %s: %s", task, value.get("detail"))
        raise SandboxFailure(Trouble(value["trouble"]), str(value.get("detail")))
    return Reply(value=value.get("value"), blobs=blobs)


def error_to_json(error: SignerError) -> dict[str, Any]:
    """A `SignerError` as the child sends it."""
    plain = {k: v if isinstance(v, int | float) else str(v) for k, v in error.values.items()}
    return {
        "class": type(error).__name__,
        "sentence": error.sentence,
        "values": plain,
        "field": getattr(error, "field", None),
        "cause": repr(error.__cause__)[:500] if error.__cause__ else None,
    }


def _error_from(told: Mapping[str, Any]) -> SignerError:
    if told.get("class") == "Invalid":
        return errors.Invalid(told["sentence"], field=told.get("field"), **told["values"])
    known = {"NotFound": errors.NotFound, "Conflict": errors.Conflict}
    return known.get(str(told.get("class")), SignerError)(told["sentence"], **told["values"])


def pack(head: object, blobs: Sequence[bytes]) -> bytes:
    """One message: its length, the length of the head, the head with the blobs' lengths, blobs."""
    text = json.dumps({"head": head, "blobs": [len(blob) for blob in blobs]}).encode()
    body = struct.pack(">Q", len(text)) + text + b"".join(blobs)
    return struct.pack(">Q", len(body)) + body


def unpack(body: bytes) -> tuple[Any, tuple[bytes, ...]]:
    """Head and blobs of a message without its first length; `ValueError` when it is malformed."""
    try:
        (size,) = struct.unpack_from(">Q", body)
        outer = json.loads(body[8 : 8 + size])
        at, blobs = 8 + size, []
        for length in outer["blobs"]:
            blobs.append(body[at : at + length])
            at += length
        return outer["head"], tuple(blobs)
    except (struct.error, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError("malformed message") from error


_shared = Sandbox()
_drawing = Sandbox()
_public = Sandbox(children=1, wait_seconds=5.0)
for _pool in (_shared, _drawing, _public):
    atexit.register(_pool.close)


def shared_sandbox() -> Sandbox:
    """The sandbox every function of this package uses unless it is handed another."""
    return _shared


def drawing_sandbox() -> Sandbox:
    """The sandbox of whatever opens a document with libraries in C++: preflight, pages, images.

    A child that such a library's fault gave to a document is none of those that lay signatures
    out or judge them; these two read documents in Python alone.
    """
    return _drawing


def public_sandbox() -> Sandbox:
    """The sandbox of files that anybody may send: they take no child and no thread from officials.

    It has one child, and who finds it busy is told so within seconds.
    """
    return _public
