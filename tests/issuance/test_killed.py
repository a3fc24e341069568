"""kill -9 at every commit of the whole path: nothing lost, nothing twice, whatever died when.

ARCHITECTURE.md says so of issuing, replacing a key, activating and signing. Each act is carried
out by a child process that kills itself just before or just after its n-th commit; then the
house is started again and must come to what an undisturbed run would have come to.
"""

import hashlib
import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from signer.accounts import SYSTEM, Role
from signer.audit.models import AuditEvent
from signer.ca.models import Certificate, CertificateBytes
from signer.config import Settings
from signer.db import db, transaction
from signer.issuance import keys
from signer.issuance.models import RequestItem, SigningKey
from signer.services import Services
from signer.signing.models import Signature
from signer.signing.validation import VerdictClass
from tests.conftest import StandingClock
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.issuance.killed_child import BOX, PIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

COMMITS = {
    "issue": 7,  # claim, keys, serials, certificates, settled, finished, nothing left to claim
    "replace": 5,  # retired and new key, serial, certificate, settled, old one revoked
    "activate": 1,
    "sign": 6,  # intent, try counted, tries given back, CRL number, CRL, outcome
}
POINTS = [
    (when, count)
    for count in range(1, max(COMMITS.values()) + 1)
    for when in ("before commit", "after commit")
]
DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"


def points(act: str) -> pytest.MarkDecorator:
    """Each commit of the act from both sides, and once nothing at all."""
    here = [point for point in POINTS if point[1] <= COMMITS[act]]
    return pytest.mark.parametrize(("when", "count"), [*here, ("never", 0)])


class House:
    """Starts the child that is killed, and looks at what it left."""

    def __init__(self, services: Services, settings: Settings, clock: StandingClock) -> None:
        self.services = services
        self._settings = settings
        self._clock = clock
        self._log = settings.home / "signatures.log"
        self._log.touch()

    def kill(self, act: str, when: str, count: int, **facts: object) -> None:
        """The act began and was killed at that commit; with "never" it was left alone."""
        plan = self._settings.home / "plan.json"
        told = facts | {
            "act": act,
            "point": when,
            "count": count,
            "home": str(self._settings.home),
            "database": self._settings.database_url,
            "pin_file": str(self._settings.token_pin_file),
            "at": self._clock.now().isoformat(),
            "log": str(self._log),
        }
        plan.write_text(json.dumps(told))
        db.session.remove()
        done = subprocess.run(
            [sys.executable, "-m", "tests.issuance.killed_child", str(plan)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=Path(__file__).parents[2],
            check=False,
        )
        if when == "never":
            assert (done.returncode, done.stdout) == (0, f"{COMMITS[act]}\n"), done.stderr
        else:
            assert done.returncode == -signal.SIGKILL, done.stderr

    def start_again(self) -> None:
        """As the embedded worker does at its start, with no minute lost to the dead one's lease."""
        self.services.jobs.release_leases()
        self.services.issuance.issuing.resume()
        self.services.jobs.run(self.services.job_handlers)
        db.session.remove()

    def check_ledger(self, states: dict[str, int]) -> None:
        """What was signed is in the ledger, one serial each; keys belong to their certificates."""
        rows = db.session.execute(
            select(Certificate, CertificateBytes).join(
                CertificateBytes, CertificateBytes.certificate_id == Certificate.id
            )
        ).all()
        assert Counter(certificate.state for certificate, _ in rows) == states
        assert len({certificate.serial_hex for certificate, _ in rows}) == len(rows)
        assert len({certificate.intent for certificate, _ in rows}) == len(rows)
        stored = {hashlib.sha256(content.tbs_der).hexdigest() for _, content in rows}
        assert set(self._log.read_text().split()) <= stored
        certificates = {
            content.certificate_id: x509.load_der_x509_certificate(content.certificate_der or b"")
            for _, content in rows
        }
        for content in (content for _, content in rows):
            tbs = certificates[content.certificate_id].tbs_certificate_bytes
            assert tbs == content.tbs_der
        found = db.session.execute(
            select(
                SigningKey.state,
                SigningKey.wrapped,
                SigningKey.public_key_der,
                SigningKey.certificate_id,
            )
        ).all()
        db.session.rollback()
        for state, wrapped, public_key_der, certificate_id in found:
            if state == "retired" and certificate_id is None:
                continue  # it was never certified, and is held by nobody
            public_key = certificates[certificate_id].public_key()
            spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            assert spki == public_key_der
            assert (wrapped is not None) == (state == "ready")
            if wrapped is not None:
                with self.services.vault.unlocked(wrapped, public_key_der):
                    pass  # it opens, and was proved to be this public key's other half
        self.services.audit.verify()

    def count_events(self, action: str) -> int:
        """How many events of this kind the record has."""
        return len(
            db.session.scalars(select(AuditEvent.seq).where(AuditEvent.action == action)).all()
        )


@pytest.fixture
def house(services: Services, settings: Settings, clock: StandingClock) -> House:
    return House(services, settings, clock)


@both_databases
@points("issue")
def test_issuing(house: House, city: City, when: str, count: int) -> None:
    """Three people of one approved request: three certificates."""
    services = house.services
    people = [person.id for person in city.people(3)]
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    job_id = services.issuance.approve(head, made.id or 0)

    house.kill("issue", when, count)
    services.issuance.states_of(people)  # the pages stay readable in between
    house.start_again()

    states = services.issuance.states_of(people)
    assert {standing.state for standing in states.values()} == {"ready"}
    progress = services.jobs.progress(job_id)
    assert (progress.state, progress.done, progress.failed) == ("done", 3, 0)
    assert set(db.session.scalars(select(RequestItem.state))) == {"issued"}
    assert len(db.session.scalars(select(SigningKey.id)).all()) == 3
    house.check_ledger({"issued": 3})
    assert house.count_events("certificate.issue") == 3
    assert house.count_events("person.certified") == 3
    assert house.count_events("job.finished") == 1


@pytest.mark.parametrize("count", [2, 3, 4])
def test_issuing_killed_and_then_cancelled(house: House, city: City, count: int) -> None:
    """What was to be signed is done, as cancelling says; the others are asked for again."""
    services = house.services
    people = [person.id for person in city.people(3)]
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    job_id = services.issuance.approve(head, made.id or 0)
    house.kill("issue", "after commit", count)
    services.issuance.cancel_job(SYSTEM, job_id)
    house.start_again()

    again = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần hai")
    assert again.persons == (3 if count == 2 else 0)
    if again.id is not None:
        services.issuance.approve(head, again.id)
        services.jobs.run(services.job_handlers)
    states = services.issuance.states_of(people)
    assert {standing.state for standing in states.values()} == {"ready"}
    house.check_ledger({"issued": 3})
    assert house.count_events("person.certified") == 3


@points("replace")
def test_replacing_a_locked_key(house: House, city: City, when: str, count: int) -> None:
    """One certificate counts, the new one; the old one is revoked, once."""
    services = house.services
    (person,) = city.people(1)
    person_id, code = person.id, person.code
    city.issue([person])
    services.signing.activate(city.signer_of(person), PIN)
    old = keys.find_current_key(person_id)
    assert old is not None
    with transaction():
        keys.mark_locked(old.id)

    house.kill("replace", when, count, person_id=person_id)
    services.issuance.states_of([person_id])
    house.start_again()
    current = keys.find_current_key(person_id)
    assert current is not None
    if current.id == old.id:  # killed before anything was stored: it is asked for again
        services.issuance.issuing.replace_key(person_id, "clerk")
        current = keys.find_current_key(person_id)

    assert current is not None
    assert (current.state, current.certificate_state) == ("ready", "issued")
    standing = services.issuance.states_of([person_id])[person_id]
    assert (standing.state, standing.serial_hex) == ("ready", current.serial_hex)
    revoked = db.session.scalars(select(Certificate).where(Certificate.state == "revoked")).one()
    assert (revoked.serial_hex, revoked.revocation_reason) == (old.serial_hex, "superseded")
    house.check_ledger({"issued": 1, "revoked": 1})
    assert house.count_events("certificate.issue") == 2
    assert house.count_events("certificate.revoke") == 1
    assert house.count_events("key.replaced") == 1
    services.signing.activate(services.accounts.actor_of(code.lower()), PIN)


@points("activate")
def test_activating(house: House, city: City, when: str, count: int) -> None:
    """The key is either still wrapped or sealed, never both and never neither."""
    services = house.services
    (person,) = city.people(1)
    city.issue([person])
    actor = city.signer_of(person)

    house.kill("activate", when, count, signer=actor.name)
    house.start_again()
    if services.signing.key_of(actor).state == "ready":
        services.signing.activate(actor, PIN)

    house.check_ledger({"issued": 1})
    assert house.count_events("key.activated") == 1
    dossier = _dossier(services, city, person.code)
    (document,) = services.dossiers.inbox(actor)
    services.dossiers.sign(
        actor, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256
    )
    assert services.dossiers.dossier_of(actor, dossier).state == "done"


@points("sign")
def test_signing_a_document(
    house: House, city: City, when: str, count: int, tmp_path: Path
) -> None:
    """Asked again, the document has one signature of this person: none lost, none twice."""
    services = house.services
    (person,) = city.people(1)
    city.issue([person])
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    _dossier(services, city, person.code)
    (document,) = services.dossiers.inbox(actor)

    house.kill(
        "sign",
        when,
        count,
        signer=actor.name,
        document_id=document.id,
        shown_sha256=document.sha256,
    )
    house.start_again()
    done = services.dossiers.sign(
        actor, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256
    )

    assert (done.state, [version.number for version in done.versions]) == ("signed", [0, 1])
    (signature,) = db.session.scalars(select(Signature)).all()
    assert (signature.state, signature.output_sha256) == ("done", done.sha256)
    db.session.rollback()
    file = tmp_path / "signed.pdf"
    file.write_bytes(services.files.get(done.sha256))
    verdict = services.signing.verify(file)
    assert (verdict.verdict, len(verdict.signatures)) == (VerdictClass.VALID, 1)
    assert services.signing.key_of(actor).attempts_left == 5
    house.check_ledger({"issued": 1})
    assert house.count_events("document.signed") == 1


def _dossier(services: Services, city: City, code: str) -> int:
    return services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=date(2026, 12, 1),
        files=[("QD.pdf", DECISION)],
        signers=[code],
    )
