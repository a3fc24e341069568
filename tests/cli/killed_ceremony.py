"""Holds the embedded ceremony again and again, each time killed at another point, then once more.

Run by test_ceremony_killed.py: `python -m tests.cli.killed_ceremony FOLDER STRIDE`. A point is any
file written, renamed or removed below the home, any key generated or given its name, and any
signature, from both sides. Prints how many points there are, and what went wrong at each.

Each ceremony has a process of its own, forked before any PKCS#11 library is loaded.
"""

import hashlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from pkcs11 import Attribute

from signer.cli.ceremony import EMBEDDED, hold_ceremony, read_ceremony
from signer.config import Settings
from signer.pkcs11 import Hsm, keys, vault

AT = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Countdown:
    """Dies at the n-th point; counts on for ever from 0."""

    def __init__(self, number: int) -> None:
        self.left = number

    def reached(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    folder, stride = Path(sys.argv[1]), int(sys.argv[2])
    os.environ.pop("SOFTHSM2_CONF", None)
    total = _number_of_points(folder / "whole")
    faults = {}
    for number in range(1, total + 1, stride):
        fault = _killed_at(folder / str(number), number)
        if fault:
            faults[number] = fault
    print(json.dumps({"points": total, "faults": faults}))


def _number_of_points(home: Path) -> int:
    def hold() -> None:
        point = _watched(home, 0)
        _hold(home, AT)
        (home / "points").write_text(str(-point.left))

    if _in_a_child(hold):
        raise SystemExit("the ceremony fails without being killed")
    return int((home / "points").read_text())


def _killed_at(home: Path, number: int) -> str:
    """What is wrong after a ceremony killed at this point was held again; empty if nothing is."""

    def hold_and_die() -> None:
        _watched(home, number)
        _hold(home, AT)

    if _in_a_child(hold_and_die) != -signal.SIGKILL:
        return "it was not killed"
    before = _files(home)
    if _in_a_child(lambda: _hold(home, AT + timedelta(days=1))):
        return "it could not be held again"
    after = _files(home)
    if _in_a_child(lambda: _hold(home, AT + timedelta(days=2))) or _files(home) != after:
        return "the third time changed something"
    if _in_a_child(lambda: _require_one_key_each(home)):
        return "a label has two keys or halves of one"
    return _changed(before, after)


def _changed(before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """An output stays as it was, and bytes once meant to be signed are those that were signed."""
    for name, content in before.items():
        if name.endswith((".pem", ".crl")) and after.get(name) != content:
            return f"{name} was made twice"
        output = name.removesuffix(".tbs")
        if name.endswith(".pem.tbs"):
            made = x509.load_pem_x509_certificate(after[output])
            if made.tbs_certificate_bytes != content:
                return f"{output} is not what was intended"
        if name.endswith(".crl.tbs"):
            crl = x509.load_der_x509_crl(after[output])
            if crl.tbs_certlist_bytes != content:
                return f"{output} is not what was intended"
    wanted = {"root.pem", "issuing.pem", "root.crl", "ceremony.transcript.txt"}
    if after.keys() != wanted:
        return f"left behind: {sorted(after.keys() ^ wanted)}"
    transcript = after["ceremony.transcript.txt"].decode()
    for name in wanted - {"ceremony.transcript.txt"}:
        if hashlib.sha256(after[name]).hexdigest() not in transcript:
            return f"{name} is not in the transcript"
    return ""


def _files(home: Path) -> dict[str, bytes]:
    pki = home / "pki"
    found = pki.iterdir() if pki.is_dir() else ()
    return {f.name: f.read_bytes() for f in found if not f.name.endswith(".part")}


def _settings(home: Path) -> Settings:
    return Settings(home=home)


def _hold(home: Path, at: datetime) -> None:
    settings = _settings(home)
    hold_ceremony(settings, at, ceremony=read_ceremony(EMBEDDED, settings))


def _require_one_key_each(home: Path) -> None:
    settings = _settings(home)
    os.environ["SOFTHSM2_CONF"] = str(home / "softhsm2.conf")
    for label, pin in (("signer-root", "root.pin"), (settings.token_label, "issuing.pin")):
        token = Hsm(settings.pkcs11_module, label, home / pin)
        found = token.run(
            lambda session: Counter(
                (key[Attribute.LABEL], str(key.object_class)) for key in session.get_objects()
            )
        )
        token.close()
        names = {name for name, _ in found}
        if set(found.values()) != {1} or any(name.endswith(".unfinished") for name in names):
            raise SystemExit(f"{label}: {found}")


def _watched(home: Path, number: int) -> Countdown:
    """This process dies when it comes to the point of this number; counts on, if that is 0."""
    point = Countdown(number)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        is_write = event == "open" and bool((arguments[2] or 0) & _WRITES)
        if (is_write or event in ("os.rename", "os.remove", "os.mkdir")) and str(
            arguments[0]
        ).startswith(str(home)):
            point.reached()

    sys.addaudithook(watch)
    for owner, name in (
        (keys, "make_whole"),
        (vault, "make_whole"),
        (keys.HsmEcPrivateKey, "sign"),
    ):
        setattr(owner, name, _from_both_sides(getattr(owner, name), point))
    return point


def _from_both_sides(function: Callable[..., Any], point: Countdown) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        point.reached()
        result = function(*args, **kwargs)
        point.reached()
        return result

    return run


def _in_a_child(work: Callable[[], None]) -> int:
    """How a forked process ended that did this: its exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # the fork ends here, whatever happened
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
