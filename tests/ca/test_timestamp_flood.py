"""A flood of strangers at the TSA leaves sessions of the HSM to those who issue and sign."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest

from signer.ca import timestamp
from signer.ca.roles import RoleSigner
from signer.errors import Unavailable
from signer.pkcs11 import Hsm, ensure_ca_key
from tests.ca.conftest import Keys
from tests.ca.hierarchies import Hierarchy
from tests.ca.stamping import granted, query, tsa_of, tsa_signer
from tests.clocks import StandingClock


class Watched:
    """A key of the HSM that keeps its callers until they are let go, and counts them."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self._lock = threading.Lock()
        self.inside = self.most = 0
        self.let_go = threading.Event()

    def sign(self, data: bytes, algorithm: Any) -> bytes:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.let_go.wait(30)
        try:
            return bytes(self._key.sign(data, algorithm))
        finally:
            with self._lock:
                self.inside -= 1


def test_few_strangers_are_in_the_hsm_at_a_time(
    hsm: Hsm,
    ca_keys: Keys,
    hierarchy: Hierarchy,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others wait outside, for a while; then they are told to come back."""
    monkeypatch.setattr(timestamp, "TURN_SECONDS", 0.2)
    real = tsa_signer(
        ensure_ca_key(hsm, "tsa-tests-p256", "p256"),
        ca_keys.issuing,  # type: ignore[arg-type]  # the fixture knows no types
        hierarchy.issuing,
    )
    key: Any = Watched(real.key)
    tsa = tsa_of(RoleSigner(key=key, certificate=real.certificate), hierarchy, clock)
    with ThreadPoolExecutor(12) as strangers:
        answers = [strangers.submit(tsa.answer, query()) for _ in range(12)]
        put_off = list(islice(as_completed(answers), len(answers) - timestamp.SIGNING_AT_ONCE))
        key.let_go.set()
    assert key.most == timestamp.SIGNING_AT_ONCE
    assert {type(answer.exception()) for answer in put_off} == {Unavailable}
    for answer in set(answers) - set(put_off):
        granted(answer.result())
    granted(tsa.answer(query()))
