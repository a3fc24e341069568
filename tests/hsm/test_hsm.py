"""Leases: bounded, safe in threads and forks, and healed without a restart."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask

from signer.db import db, transaction
from signer.errors import ConfigError, NotFound, Unavailable
from signer.pkcs11 import Hsm, Vault
from signer.pkcs11.faults import Cure, cure_of
from signer.pkcs11.library import library_of
from tests.softhsm import MODULE, open_token, token_away

ECDSA = ec.ECDSA(SHA256())


def sign_once(vault: Vault) -> None:
    made = vault.generate()
    with vault.unlocked(made.wrapped, made.public_key_der) as key:
        key.public_key().verify(key.sign(b"van ban", ECDSA), b"van ban", ECDSA)


def heals_within(seconds: float, act: Callable[[], None]) -> float:
    """How long it took until the act worked again; fails after that many seconds."""
    begin = time.monotonic()
    while True:
        try:
            act()
        except Unavailable:
            assert time.monotonic() - begin < seconds
            time.sleep(0.01)
        else:
            return time.monotonic() - begin


def test_a_token_that_went_away_is_unavailable_and_works_again_when_back(
    fragile: Vault, token_home: Path
) -> None:
    """No restart: the same objects work within five seconds of the token's return."""
    made = fragile.generate()
    with token_away(token_home):
        for act in (fragile.generate, lambda: fragile.harden(b"1"), lambda: sign_once(fragile)):
            with pytest.raises(Unavailable) as caught:
                act()
            assert caught.value.retry_after_seconds > 0
    assert heals_within(5, lambda: sign_once(fragile)) < 5
    with fragile.unlocked(made.wrapped, made.public_key_der) as key:
        assert key.sign(b"van ban", ECDSA)


def test_a_token_lost_between_two_signatures_of_one_lease_is_unavailable(
    fragile: Vault, token_home: Path
) -> None:
    """A handle dies with its token; the next lease is cured."""
    made = fragile.generate()
    with fragile.unlocked(made.wrapped, made.public_key_der) as key:
        key.sign(b"1", ECDSA)
    with token_away(token_home), pytest.raises(Unavailable):
        fragile.generate()
    heals_within(5, lambda: sign_once(fragile))


def test_a_bare_lease_notices_that_the_token_is_gone(fragile_hsm: Hsm, token_home: Path) -> None:
    """Even one that would touch no key: the token is probed once a second."""
    fragile_hsm._pool().probed_at = float("-inf")
    with token_away(token_home), pytest.raises(Unavailable), fragile_hsm.lease():
        pass
    heals_within(5, lambda: _lease(fragile_hsm))


def test_a_process_may_start_while_the_token_is_away(
    token_home: Path, in_child: Callable[[str], object]
) -> None:
    """Unavailable at first, and without a restart it works when the token comes."""
    open_token(token_home, "signer-late").close()
    text = """
import shutil, sys, time
from pathlib import Path
from signer.errors import Unavailable
from tests.softhsm import open_token, MODULE
from signer.pkcs11 import Hsm, configure_softhsm
home = Path(sys.argv[1])
configure_softhsm(home)
shutil.move(home / "tokens", home / "elsewhere")
hsm = Hsm(MODULE, "signer-late", home / "signer-late.pin")
try:
    with hsm.lease():
        print("leased")
except Unavailable:
    print("away")
finally:
    shutil.move(home / "elsewhere", home / "tokens")
deadline = time.monotonic() + 5
while time.monotonic() < deadline:
    try:
        print("back", len(hsm.run(lambda session: session.generate_random(64))))
        break
    except Unavailable:
        time.sleep(0.01)
"""
    done = in_child(text)
    assert done.stdout == "away\nback 8\n", done.stderr  # type: ignore[attr-defined]


def test_a_wrong_pin_is_fatal_and_not_tried_again(
    token_home: Path, in_child: Callable[[str], object]
) -> None:
    """One attempt on the token, however often a lease is asked for; a new file is a new try."""
    open_token(token_home, "signer-pinned").close()
    text = """
import sys
from pathlib import Path
from signer.errors import ConfigError
from signer.pkcs11 import Hsm, configure_softhsm
from signer.pkcs11.library import Library
from signer.pkcs11.token import write_secret
from tests.softhsm import MODULE
home = Path(sys.argv[1])
configure_softhsm(home)
right = (home / "signer-pinned.pin").read_text().strip()
wrong = home / "wrong.pin"
write_secret(wrong, "123456")
tries = []
real = Library.log_in
Library.log_in = lambda self, session, pin: tries.append(1) or real(self, session, pin)
hsm = Hsm(MODULE, "signer-pinned", wrong)
for _ in range(3):
    try:
        with hsm.lease():
            print("leased")
    except ConfigError as error:
        assert "123456" not in str(error), error
print("tries", len(tries))
write_secret(wrong, right)
with hsm.lease():
    print("leased after the file was put right")
"""
    done = in_child(text)
    assert done.stdout == "tries 1\nleased after the file was put right\n", done.stderr  # type: ignore[attr-defined]


@pytest.mark.parametrize("spoil", ["open to the group", "missing", "empty", "a directory"])
def test_a_pin_file_is_refused_unless_only_its_owner_reads_it(
    token_home: Path, tmp_path: Path, spoil: str
) -> None:
    open_token(token_home, "signer-guarded").close()
    pin_file = tmp_path / "token.pin"
    if spoil == "a directory":
        pin_file.mkdir()
    elif spoil != "missing":
        text = "" if spoil == "empty" else (token_home / "signer-guarded.pin").read_text()
        pin_file.write_text(text)
        pin_file.chmod(0o640 if spoil == "open to the group" else 0o600)
    hsm = Hsm(MODULE, "signer-guarded", pin_file)
    with pytest.raises(ConfigError), hsm.lease():
        pass


def test_the_wait_for_a_session_is_bounded(fragile_hsm: Hsm) -> None:
    """Two sessions, three callers: the third is told to come back, and soon."""
    with fragile_hsm.lease(), fragile_hsm.lease():
        begin = time.monotonic()
        with pytest.raises(Unavailable), fragile_hsm.lease():
            pass
        assert 0.2 < time.monotonic() - begin < 2
    _lease(fragile_hsm)


def test_a_waiting_caller_gets_the_session_that_is_given_back(token_home: Path) -> None:
    hsm = open_token(token_home, "signer-fragile", sessions=1, wait_seconds=5)
    waiting = threading.Event()
    got: list[bool] = []

    def wait() -> None:
        waiting.set()
        _lease(hsm)
        got.append(True)

    with hsm.lease():
        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait(5)
    thread.join(5)
    assert got == [True]
    hsm.close()


def test_threads_share_the_token(vault: Vault, hsm: Hsm) -> None:
    """Six threads generate, unwrap, sign and harden at once: no crash, no wrong signature."""

    def work(_: int) -> None:
        for _ in range(60):
            sign_once(vault)
            vault.harden(b"du lieu")

    with ThreadPoolExecutor(6) as threads:
        assert len(list(threads.map(work, range(6)))) == 6


def test_threads_survive_a_token_that_comes_and_goes(fragile: Vault, token_home: Path) -> None:
    """Under four threads the token vanishes twice: only Unavailable is seen, then all is well."""
    stop = threading.Event()
    done = [0] * 4

    def work(number: int) -> None:
        while not stop.is_set():
            try:
                sign_once(fragile)
                done[number] += 1
            except Unavailable:
                stop.wait(0.01)

    def go_on() -> None:
        reached = sum(done) + 20
        heals_within(10, lambda: _reached(done, reached))

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(work, number) for number in range(4)]
        try:
            for _ in range(2):
                go_on()
                with token_away(token_home):
                    stop.wait(0.3)
            go_on()
        finally:
            stop.set()
        for thread in running:
            thread.result(30)
    heals_within(5, lambda: sign_once(fragile))


def test_a_forked_child_opens_its_own_sessions(vault: Vault) -> None:
    """Parent and child both go on; the child uses nothing that the parent opened."""
    sign_once(vault)
    pid = os.fork()
    if pid == 0:  # the child tells by its exit code
        code = 1
        try:
            sign_once(vault)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    sign_once(vault)


def test_a_logged_out_token_is_logged_in_again(fragile: Vault, fragile_hsm: Hsm) -> None:
    """Somebody's C_Logout hides every private key; the cure is a login, not an error."""
    pool = fragile_hsm._pool()
    _lease(fragile_hsm)
    session = pool.token.open(rw=True)
    library = library_of(MODULE)
    assert library.log_out(session) == 0
    sign_once(fragile)


def test_a_closed_session_is_replaced(fragile_hsm: Hsm) -> None:
    """A handle that died behind our back costs one retry."""
    with fragile_hsm.lease() as lease:
        lease.call(lambda session: session.close())
    assert len(fragile_hsm.run(lambda s: s.generate_random(64))) == 8


def test_no_hsm_call_inside_a_transaction(hsm: Hsm, tmp_path: Path) -> None:
    app = Flask("hsm")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'a.sqlite3'}"
    db.init_app(app)
    with app.app_context():
        with transaction(), pytest.raises(RuntimeError), hsm.lease():
            pass
        db.engine.dispose()


def test_status_tells_the_token_apart(hsm: Hsm) -> None:
    status = hsm.status()
    assert status.label == "signer-issuing"
    assert status.sessions == status.free_sessions == 8
    assert status.serial


def test_a_module_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    text = tmp_path / "module.so"
    for module in (tmp_path / "none.so", text):
        hsm = Hsm(module, "x", tmp_path / "x.pin")
        with pytest.raises(ConfigError), hsm.lease():
            pass
        text.write_text("not a library")


def test_the_library_restarts_before_it_has_grown_too_much(fragile: Vault) -> None:
    """Only while nobody holds a session; nobody notices."""
    library = library_of(MODULE)
    made = fragile.generate()
    with fragile.unlocked(made.wrapped, made.public_key_der) as key:
        library._lent = 10**9
        before = library.generation
        fragile.harden(b"1")
        key.sign(b"1", ECDSA)
        assert library.generation == before
    sign_once(fragile)
    assert library.generation == before + 1


def test_a_session_leased_over_a_close_is_closed_when_given_back(fragile_hsm: Hsm) -> None:
    with fragile_hsm.lease() as lease:
        session = lease.guard.session
        fragile_hsm.close()
        assert len(lease.call(lambda session: session.generate_random(64))) == 8
    with pytest.raises(pkcs11.SessionHandleInvalid):
        session.generate_random(64)
    _lease(fragile_hsm)


def test_a_missing_key_is_not_found(hsm: Hsm) -> None:
    with pytest.raises(NotFound):
        hsm.run(lambda s: s.get_key(label="no such key"))


def test_an_error_that_no_cure_helps_has_none() -> None:
    assert cure_of(pkcs11.MechanismInvalid()) is None
    assert cure_of(pkcs11.DeviceRemoved()) is Cure.LIBRARY


def _lease(hsm: Hsm) -> None:
    with hsm.lease():
        pass


def _reached(done: list[int], wanted: int) -> None:
    if sum(done) < wanted:
        raise Unavailable("not yet")
