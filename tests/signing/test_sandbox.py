"""The sandbox: limits hold, troubles have names, and it works again afterwards."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from signer.errors import Invalid, Unavailable
from signer.signing.sandbox import Sandbox, SandboxFailure, Trouble, unpack


@pytest.fixture
def alone() -> Sandbox:
    return Sandbox(children=1)


def _pid(sandbox: Sandbox) -> int:
    child = sandbox._slots.queue[-1]
    assert child is not None
    return child.process.pid


def test_a_task_that_is_not_ours_is_refused(sandbox: Sandbox) -> None:
    """Only the task modules of the package can be reached."""
    for task in ("os:system", "sandbox:shared_sandbox", "nonsense"):
        with pytest.raises(SandboxFailure) as caught:
            sandbox.call(task, {}, seconds=10)
        assert caught.value.trouble is Trouble.CRASH


def test_our_own_errors_come_out_as_they_were(sandbox: Sandbox, tmp_path: Path) -> None:
    """A sentence for the clerk crosses the process border with class, field and values."""
    broken = tmp_path / "x.pdf"
    broken.write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(Invalid) as caught:
        sandbox.call("pages_task:image", {"path": str(broken), "page": 1, "dpi": 72}, seconds=20)
    assert "không mở được" in str(caught.value)


def test_a_dead_child_is_replaced(alone: Sandbox) -> None:
    """kill -9 of the child costs one call at most; the next one works."""
    alone.call("sandbox_child:warm", {}, seconds=30)
    os.kill(_pid(alone), signal.SIGKILL)
    with pytest.raises(SandboxFailure) as caught:
        alone.call("sandbox_child:warm", {}, seconds=30)
    assert caught.value.trouble is Trouble.CRASH
    alone.call("sandbox_child:warm", {}, seconds=30)
    alone.close()


def test_a_stopped_child_is_a_timeout(alone: Sandbox) -> None:
    """A child that hangs is killed at the deadline and replaced."""
    alone.call("sandbox_child:warm", {}, seconds=30)
    pid = _pid(alone)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(SandboxFailure) as caught:
        alone.call("sandbox_child:warm", {}, seconds=0.3)
    assert caught.value.trouble is Trouble.TIMEOUT
    assert not Path(f"/proc/{pid}").exists()
    alone.call("sandbox_child:warm", {}, seconds=30)
    alone.close()


def test_nobody_waits_for_ever_for_a_free_child(alone: Sandbox) -> None:
    """When all children are busy the caller is told to come back later."""
    alone.call("sandbox_child:warm", {}, seconds=30)
    pid = _pid(alone)
    os.kill(pid, signal.SIGSTOP)
    first = threading.Thread(
        target=lambda: alone.call("sandbox_child:warm", {}, seconds=20), daemon=True
    )
    first.start()
    while alone._slots.qsize():
        threading.Event().wait(0.01)
    with pytest.raises(Unavailable):
        alone.call("sandbox_child:warm", {}, seconds=0.2)
    os.kill(pid, signal.SIGCONT)
    first.join(20)
    alone.close()


def test_a_child_has_no_memory_without_end_and_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The address space is limited, files cannot be written, SIGNER_* is not passed on."""
    monkeypatch.setenv("SIGNER_SECRET", "kín")
    sandbox = Sandbox(children=1)
    sandbox.call("sandbox_child:warm", {}, seconds=30)
    pid = _pid(sandbox)
    limits = Path(f"/proc/{pid}/limits").read_text()
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    sandbox.close()
    limited = {line[:25].strip(): line[25:].split() for line in limits.splitlines()[1:]}
    assert limited["Max address space"][0] == str(1536 * 1024 * 1024)
    assert limited["Max file size"][0] == "0"
    assert b"SIGNER_SECRET" not in environment


def test_children_go_with_their_parent() -> None:
    """When the server is killed its children end too."""
    program = (
        "import os, signal\n"
        "from signer.signing.sandbox import Sandbox\n"
        "s = Sandbox(children=1)\n"
        "s.call('sandbox_child:warm', {}, seconds=30)\n"
        "print(s._slots.queue[-1].process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parent.parent.parent
    import sys

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=root, timeout=60
    )
    pid = int(done.stdout)
    for _ in range(500):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return
        threading.Event().wait(0.01)
    pytest.fail("the child is still there")


def test_nonsense_from_a_child_is_an_error_not_an_accident() -> None:
    """Whatever bytes come back, the parent only ever sees `ValueError`."""
    for body in (b"", b"\x00" * 8, b"\x00" * 7 + b"\x02[]", b"\x00" * 7 + b"\xffx"):
        with pytest.raises(ValueError):
            unpack(body)
