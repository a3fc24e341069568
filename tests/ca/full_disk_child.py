"""The CA on a disk that runs full and gets space again: one scenario, which asserts as it goes.

`python -m tests.ca.full_disk_child PLAN`, inside a mount namespace of its own (test_faults_disk.py
sees to that), so that the small disk is there for this process alone and goes with it.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import func, select

from signer.audit import Audit
from signer.ca import Authority, Certificate, RevocationReason
from signer.db import db
from signer.errors import Unavailable
from signer.pkcs11 import configure_softhsm, key_for
from tests.ca.checked import findings
from tests.ca.factory import BASE_URL, START, issued, ledger_app, order
from tests.ca.killed_child import few_shards
from tests.clocks import StandingClock
from tests.softhsm import open_token

SIZE = "2m"


class Room:
    """The CA with its ledger and its published files where the scenario wants them."""

    def __init__(self, plan: dict[str, str], *, ledger: Path, published: Path) -> None:
        home = Path(plan["token_home"])
        configure_softhsm(home)
        root, issuing = x509.load_pem_x509_certificates(plan["chain"].encode())
        hsm = open_token(home, "signer-issuing")
        self.clock = StandingClock(START)
        self.audit = Audit(self.clock)
        self.published = published
        self.app = ledger_app(f"sqlite:///{ledger / 'ledger.sqlite3'}")
        self.authority = Authority(
            key=key_for(hsm, "ca-tests-issuing", issuing.public_key()),
            certificate=issuing,
            chain=[root],
            profiles=few_shards(),
            clock=self.clock,
            audit=self.audit,
            base_url=BASE_URL,
            published=published,
        )

    def is_sound(self) -> None:
        assert findings(self.authority, self.audit, self.clock, self.published) == []

    def lists(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.published.rglob("*.crl")}


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """No byte more fits on the disk inside the block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (4096, 1):
            with pytest.raises(OSError, match="No space left"):
                while True:
                    stream.write(b"\0" * size)
    yield
    filler.unlink()


def refused(act: Callable[[], object]) -> None:
    """The act says in a sentence that it cannot be done now."""
    with pytest.raises(Unavailable, match=r"hết chỗ|thư mục công bố"):
        act()
    db.session.rollback()


def database(plan: dict[str, str], disk: Path) -> None:
    """What was stored is there and readable, what was refused is done when space is back."""
    room = Room(plan, ledger=disk, published=Path(plan["folder"]) / "published")
    with room.app.app_context():
        db.create_all()
        first = issued(room.authority.issue_many([order(f"key-{i}") for i in range(3)], "system"))
        wanted = [order(f"later-{i}") for i in range(40)]
        with full(disk):
            # Intents that fit into the last free pages may stand; certificates do not get lost.
            refused(lambda: [room.authority.issue_many(wanted, "system") for _ in range(40)])
            count = (
                select(func.count()).select_from(Certificate).where(Certificate.state == "issued")
            )
            assert db.session.scalar(count) == 3
            assert room.authority.certificate_of(first[0].serial).der == first[0].der
            db.session.rollback()
        made = issued(room.authority.issue_many(wanted, "system"))
        assert len({certificate.serial for certificate in made}) == 40
        room.authority.revoke(first[0].serial, RevocationReason.SUPERSEDED, "clerk")
        room.authority.refresh_crl()
        room.is_sound()


def lists(plan: dict[str, str], disk: Path) -> None:
    """The files that were there are whole and untouched; the next refresh writes the new ones."""
    room = Room(plan, ledger=Path(plan["folder"]), published=disk / "published")
    with room.app.app_context():
        db.create_all()
        made = issued(room.authority.issue_many([order(f"key-{i}") for i in range(9)], "system"))
        room.authority.refresh_crl()
        before = room.lists()
        for certificate in made:
            room.authority.revoke(certificate.serial, RevocationReason.SUPERSEDED, "clerk")
        with full(disk):
            refused(room.authority.refresh_crl)
            assert room.lists() == before
            newest = room.authority.current_crl_der()  # asked for over HTTP, it is there
            assert len(x509.load_der_x509_crl(newest)) == 9
            db.session.rollback()
        room.authority.refresh_crl()
        after = room.lists()
        assert after["issuing.crl"] == newest
        assert all(after[name] != before[name] for name in before)
        room.is_sound()


SCENARIOS = {scenario.__name__: scenario for scenario in (database, lists)}

if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text())
    small = Path(told["folder"]) / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(small)], check=True)
    SCENARIOS[told["scenario"]](told, small)
