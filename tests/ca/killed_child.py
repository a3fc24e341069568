"""One act of the CA, until it kills itself at the named point, as kill -9 would.

`python -m tests.ca.killed_child` is the parent of those that test_killed.py kills. Every signature
that the HSM gave is written to a log, flushed to the disk, before anything else happens.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from signer.audit import Audit
from signer.ca import Authority, IssueOrder, ProfileSet, RevocationReason, load_profiles
from signer.ca.revoking import RevocationOrder
from signer.errors import Conflict, SignerError
from signer.pkcs11 import configure_softhsm, key_for
from tests.ca.factory import BASE_URL, facts, ledger_app
from tests.clocks import StandingClock
from tests.killing import KillPoint, bear
from tests.softhsm import open_token


class WatchedKey:
    """The real key; its signatures are logged and may be the last thing this process does."""

    def __init__(self, key: Any, log: Path, point: KillPoint) -> None:
        self._key, self._log, self._point = key, log, point

    def public_key(self) -> Any:
        return self._key.public_key()

    @contextmanager
    def held(self) -> Iterator["WatchedKey"]:
        with self._key.held() as key:
            yield WatchedKey(key, self._log, self._point)

    def sign(self, data: bytes, algorithm: Any) -> bytes:
        self._point.reached("before signature")
        signature: bytes = self._key.sign(data, algorithm)
        with self._log.open("a") as stream:
            stream.write(hashlib.sha256(data).hexdigest() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self._point.reached("after signature")
        return signature


def few_shards() -> ProfileSet:
    """The profiles as they are, but for two shards instead of 128."""
    profiles = load_profiles()
    return replace(profiles, issuing=replace(profiles.issuing, crl_shards=2))


def issue(authority: Authority, plan: dict[str, Any]) -> None:
    """The orders of the plan, a chunk at a time."""
    orders = [
        IssueOrder(intent=intent, subject=facts(), public_key_der=bytes.fromhex(key_hex))
        for intent, key_hex in plan["orders"]
    ]
    for start in range(0, len(orders), plan["chunk"]):
        for outcome in authority.issue_many(orders[start : start + plan["chunk"]], "system"):
            assert not isinstance(outcome, SignerError), outcome


def revoke(authority: Authority, plan: dict[str, Any]) -> None:
    """Of five: three revoked in bulk, one held, one that was held released, one revoked for good.

    Asked again it goes on: what is done already is refused as done.
    """
    one, two, three, held, released, ended = plan["serials"]
    orders = [
        RevocationOrder(serial=one, reason=RevocationReason.KEY_COMPROMISE),
        RevocationOrder(serial=two, reason=RevocationReason.SUPERSEDED),
        RevocationOrder(serial=three, reason=RevocationReason.AFFILIATION_CHANGED),
    ]
    acts: list[Callable[[], object]] = [
        lambda: [_unless_done(refusal) for refusal in authority.revoke_many(orders, "clerk")],
        lambda: authority.suspend(held, "clerk"),
        lambda: authority.release(released, "clerk"),
        lambda: authority.revoke(ended, RevocationReason.CESSATION_OF_OPERATION, "clerk"),
    ]
    for act in acts:
        try:
            act()
        except SignerError as error:
            _unless_done(error)


def publish(authority: Authority, plan: dict[str, Any]) -> None:
    """Every list anew, and the files."""
    authority.refresh_crl()


def _unless_done(refusal: SignerError | None) -> None:
    if refusal is not None and not isinstance(refusal, Conflict):
        raise refusal


ACTS: dict[str, Callable[[Authority, dict[str, Any]], None]] = {
    act.__name__: act for act in (issue, revoke, publish)
}


def live(plan: dict[str, Any], point: KillPoint) -> None:
    """Does the act of the plan."""
    home = Path(plan["token_home"])
    configure_softhsm(home)
    root, issuing = (x509.load_pem_x509_certificate(pem.encode()) for pem in plan["chain"])
    key = key_for(open_token(home, "signer-issuing"), plan["key_label"], issuing.public_key())
    clock = StandingClock(datetime.fromisoformat(plan["at"]))
    authority = Authority(
        key=WatchedKey(key, Path(plan["log"]), point),
        certificate=issuing,
        chain=[root],
        profiles=few_shards(),
        clock=clock,
        audit=Audit(clock),
        base_url=BASE_URL,
        published=Path(plan["published"]),
    )
    point.watch_commits()
    point.watch_files()
    with ledger_app(plan["database"]).app_context():
        ACTS[plan["act"]](authority, plan)


if __name__ == "__main__":
    bear(live)
