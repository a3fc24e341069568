"""One B-LTA on a document of 102 MB: what it takes in memory above the start, and in time."""

import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pikepdf
from _signing import PDF, Signer, milliseconds

from signer.signing.levels import Level

MEGABYTES = 102


def measure() -> dict[str, Any]:
    """The highest growth of resident memory of either process, in MB."""
    signer = Signer.ready()
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.pdf", Path(folder) / "out.pdf"
        signer.sign(PDF / "quyet_dinh.pdf", output, Level.B_LTA)
        _make(source)
        before = _forget()
        spent = milliseconds(lambda: signer.sign(source, output, Level.B_LTA))
        after = _kilobytes("VmHWM")
    signer.sandbox.close()
    grown = [(late - early) / 1024 for early, late in zip(before, after, strict=True)]
    return {
        "name": "sign-large",
        "value": round(max(grown), 1),
        "unit": "MB",
        "floor": MEGABYTES,
        "ratio": round(max(grown) / MEGABYTES, 3),
        "conditions": (
            f"peak memory above the start: server {grown[0]:.1f} MB, sandboxed child "
            f"{grown[1]:.1f} MB; {spent:.0f} ms; floor: the size of the document"
        ),
    }


def _make(path: Path) -> None:
    """Streams of a megabyte, as scans have them; made by another process, to be forgotten."""
    subprocess.run([sys.executable, __file__, str(path)], check=True)  # our own


def _processes() -> list[Path]:
    """This process and the sandboxed child."""
    tasks = Path("/proc/self/task").glob("*/children")
    children = [Path("/proc", pid) for task in tasks for pid in task.read_text().split()]
    return [Path("/proc/self"), *children]


def _forget() -> list[int]:
    """The peaks start anew; resident memory in KB."""
    for process in _processes():
        (process / "clear_refs").write_text("5", encoding="ascii")
    return _kilobytes("VmRSS")


def _kilobytes(name: str) -> list[int]:
    return [
        int(line.split()[1])
        for process in _processes()
        for line in (process / "status").read_text(encoding="ascii").splitlines()
        if line.startswith(name)
    ]


if __name__ == "__main__":
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        document.Root.Scans = pikepdf.Array(
            [
                document.make_stream(random.randbytes(1_000_000))  # no secret
                for _ in range(MEGABYTES)
            ]
        )
        document.save(sys.argv[1], compress_streams=False)
