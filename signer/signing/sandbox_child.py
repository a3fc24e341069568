"""The child's side of `sandbox`: `python -m signer.signing.sandbox_child MEMORY_BYTES`."""

import contextlib
import gc
import importlib
import os
import resource
import signal
import struct
import sys
from typing import Any

from signer.errors import SignerError
from signer.signing.sandbox import Trouble, error_to_json, pack, unpack

TASK_MODULES = frozenset(
    {
        "sandbox_child",
        "preflight_task",
        "pages_task",
        "pdf_task",
        "images_task",
        "validation_task",
        "scans_task",
    }
)
"""Only functions of these modules of this package can be asked for."""

FILE_BYTES = 0
"""No task writes a file: what it makes goes back through the pipe."""


def main() -> None:
    """Tasks are answered one after the other until the parent closes the pipe."""
    memory_bytes = int(sys.argv[1])
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)  # a library that prints must not spoil the protocol
    _limit(memory_bytes)
    gc.set_threshold(20_000, 50, 100)  # parsing makes many objects and hardly any cycles
    while (message := _receive(source)) is not None:
        answer = _answer(message)
        view = memoryview(answer)
        while view:
            view = view[os.write(sink, view[: 1 << 20]) :]


def warm() -> None:
    """The PDF libraries are imported."""
    for module in sorted(TASK_MODULES):
        importlib.import_module(f"signer.signing.{module}")


def _limit(memory_bytes: int) -> None:
    for what, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, 64),
    ):
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(what, (value, value))


def _receive(source: int) -> bytes | None:
    head = _read(source, 8)
    return None if head is None else _read(source, struct.unpack(">Q", head)[0])


def _read(source: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(source, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _answer(message: bytes) -> bytes:
    head, blobs = unpack(message)
    # The parent kills a late child; the alarm does it when the parent itself is gone.
    signal.alarm(int(head["seconds"]) + 15)
    try:
        module_name, function_name = head["task"].split(":")
        if module_name not in TASK_MODULES:
            raise LookupError(head["task"])
        module = importlib.import_module(f"signer.signing.{module_name}")
        arguments: dict[str, Any] = dict(head["arguments"])
        if blobs:
            arguments["blobs"] = blobs
        result = getattr(module, function_name)(**arguments)
        value, reply_blobs = result if isinstance(result, tuple) else (result, ())
        return pack({"value": value}, reply_blobs)
    except SignerError as error:
        return pack({"error": error_to_json(error)}, ())
    except MemoryError:
        return pack({"trouble": Trouble.MEMORY, "detail": "MemoryError"}, ())
    except BaseException as error:  # noqa: BLE001  # a panic in native code is an answer too
        return pack(
            {"trouble": Trouble.CRASH, "detail": f"{type(error).__name__}: {error}"[:500]}, ()
        )
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
