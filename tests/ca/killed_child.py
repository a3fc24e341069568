"""Issues certificates until it kills itself at the named point, as kill -9 would.

Run by test_killed.py: `python -m tests.ca.killed_child PLAN`, a JSON file. Every signature that
the HSM gave is written to a log, flushed to the disk, before anything else happens.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509

from signer.audit import Audit
from signer.ca import Authority, IssueOrder, load_profiles
from signer.pkcs11 import configure_softhsm, key_for
from tests.ca.factory import BASE_URL, MovableClock, facts, ledger_app
from tests.killing import KillPoint
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


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    home = Path(plan["token_home"])
    configure_softhsm(home)
    point = KillPoint(plan["point"], plan["count"])
    point.watch_commits()
    root, issuing = (x509.load_pem_x509_certificate(pem.encode()) for pem in plan["chain"])
    key = key_for(open_token(home, "signer-issuing"), plan["key_label"], issuing.public_key())
    clock = MovableClock()
    authority = Authority(
        key=WatchedKey(key, Path(plan["log"]), point),
        certificate=issuing,
        chain=[root],
        profiles=load_profiles(),
        clock=clock,
        audit=Audit(clock),
        base_url=BASE_URL,
    )
    orders = [
        IssueOrder(intent=intent, subject=facts(), public_key_der=bytes.fromhex(key_hex))
        for intent, key_hex in plan["orders"]
    ]
    with ledger_app(plan["database"]).app_context():
        for start in range(0, len(orders), plan["chunk"]):
            authority.issue_many(orders[start : start + plan["chunk"]], "system")


main()
