"""Documents wait for their stamps, go on with them, and get new ones before the old run out."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from signer import worker
from signer.accounts import Actor, Role
from signer.config import Settings
from signer.db import db, release, transaction
from signer.dossiers.models import Document
from signer.dossiers.stamping import RESTAMP_JOB_KIND
from signer.dossiers.views import DocumentView
from signer.errors import Unavailable
from signer.inventory.models import Person
from signer.role_signers import ensure_role_signers
from signer.services import Services
from signer.signing import tsa_client
from signer.signing.geometry import Box
from signer.signing.models import PdfRevision, Signature
from signer.signing.validation import Verdict, VerdictClass
from tests.clocks import StandingClock
from tests.conftest import installed, running
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.signing.outside_tsa import Desk, hang_up, serving
from tests.waiting import until

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"
BOX = Box(x0=300, y0=120, x1=500, y1=180)


@pytest.fixture
def settings(tmp_path: Path, token_home: Path, pki: Path, database_url: str) -> Settings:
    """An installation that archives."""
    return installed(tmp_path, token_home, pki, database_url, signature_level="b-lta")


class House:
    """Two officials and a decision that both sign."""

    def __init__(self, services: Services, city: City, folder: Path) -> None:
        self.services, self._folder = services, folder
        self.people: list[Person] = city.certified(2)
        self.actors: list[Actor] = [city.signer_of(person) for person in self.people]
        for actor in self.actors:
            services.signing.activate(actor, PIN)
        self.clerk = city.actor("clerk", Role.HR)

    def file(self, signers: int) -> int:
        """The id of a new document for so many signers."""
        dossier_id = self.services.dossiers.create(
            self.clerk,
            title="Quyết định thử nghiệm",
            unit_code=WARD,
            due_on=date(2026, 12, 1),
            files=[("QD.pdf", DECISION)],
            signers=[person.code for person in self.people[:signers]],
        )
        (document,) = self.services.dossiers.dossier_of(self.clerk, dossier_id).documents
        return document.id

    def document(self, document_id: int) -> DocumentView:
        release()
        return self.services.dossiers.document_of(self.clerk, document_id)

    def sign(self, document_id: int, signer: int = 0) -> DocumentView:
        shown = self.document(document_id).sha256
        self.services.dossiers.note_shown(self.actors[signer], document_id, shown)
        self.services.dossiers.sign(
            self.actors[signer],
            document_id,
            pin=PIN,
            page=1,
            box=replace(BOX, y0=BOX.y0 - 70 * signer, y1=BOX.y1 - 70 * signer),
            shown_sha256=shown,
        )
        return self.document(document_id)

    def verdict(self, document_id: int) -> Verdict:
        """What the public check says of the newest version."""
        file = self._folder / "judged.pdf"
        file.write_bytes(self.services.files.get(self.document(document_id).sha256))
        release()
        return self.services.signing.verify(file)


@pytest.fixture
def house(services: Services, city: City, role_signers: object, tmp_path: Path) -> House:
    return House(services, city, tmp_path)


@pytest.fixture
def desk(clock: StandingClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(tsa_client, "_FIRST_PAUSE_SECONDS", 0.01)
    with serving(clock) as desk:
        yield desk


def _protected_until(document_id: int) -> object:
    release()
    return db.session.scalar(select(Document.protected_until).where(Document.id == document_id))


@both_databases
def test_an_archive_stamp_is_renewed_in_time(
    services: Services, house: House, clock: StandingClock
) -> None:
    """Not before it is due, once when it is, and the old and the new one both hold."""
    document_id = house.file(1)
    first = house.sign(document_id)
    assert _protected_until(document_id) == services.timestamps.certificate().not_valid_after_utc
    assert services.document_stamps.renew() is None
    with transaction():  # as after years: nothing but the day decides
        row = db.session.get(Document, document_id)
        assert row is not None
        row.protected_until = clock.now() + timedelta(days=179)
    clock.move(timedelta(minutes=1))
    job_id = services.document_stamps.renew()
    assert job_id is not None
    assert services.document_stamps.renew() is None  # the first one is under way
    services.jobs.run(services.job_handlers, job_id=job_id)
    assert services.jobs.failures(job_id) == []
    after = house.document(document_id)
    assert [v.number for v in after.versions] == [0, 1, 2]
    assert _protected_until(document_id) == services.timestamps.certificate().not_valid_after_utc
    before, now = services.files.get(first.sha256), services.files.get(after.sha256)
    assert now.startswith(before)
    assert now.count(b"/ETSI.RFC3161") == before.count(b"/ETSI.RFC3161") + 1
    verdict = house.verdict(document_id)
    assert verdict.verdict is VerdictClass.VALID, verdict.to_json()
    revision = db.session.get(PdfRevision, after.sha256)
    assert revision is not None
    assert (revision.input_sha256, revision.kind) == (first.sha256, "stamp")


def test_nine_years_on_the_document_still_holds(
    services: Services, house: House, clock: StandingClock
) -> None:
    """Signer, OCSP signer and the first TSA certificate have run out: the second archive stamp,
    made before the first ended, proves all of it. No stamp is made that would gain nothing."""
    document_id = house.file(1)
    house.sign(document_id)
    end = _ending(document_id)
    job_id = _renewed(services, clock, end - timedelta(days=100))
    assert job_id is not None
    services.jobs.run(services.job_handlers, job_id=job_id)
    assert services.jobs.failures(job_id) == []
    later = _ending(document_id)
    assert later > end + timedelta(days=1000)
    clock.at = clock.latest = end + timedelta(days=1)
    verdict = house.verdict(document_id)
    assert verdict.verdict is VerdictClass.VALID, verdict.to_json()
    assert _renewed(services, clock, later - timedelta(days=100)) is None  # the CA ends that day
    verdict = house.verdict(document_id)
    assert verdict.verdict is VerdictClass.VALID, verdict.to_json()


def _ending(document_id: int) -> datetime:
    found = _protected_until(document_id)
    assert isinstance(found, datetime)
    return found


def _renewed(services: Services, clock: StandingClock, at: datetime) -> int | None:
    """What is renewed on that day, the roles first, as the worker does every hour."""
    clock.at = clock.latest = at
    ensure_role_signers(services)
    until(lambda: services.ocsp.certificate().not_valid_after_utc > at, 5)
    until(lambda: services.timestamps.certificate().not_valid_after_utc > at, 5)
    return services.document_stamps.renew()


def test_a_document_is_stamped_once_however_often_the_item_is_done(
    services: Services, house: House
) -> None:
    """As after a worker was killed behind the commit of the stamp."""
    document_id = house.file(1)
    house.sign(document_id)
    assert services.document_stamps.renew_items([f"{document_id}-1"]) == {}
    assert services.document_stamps.renew_items([f"{document_id}-1"]) == {}
    assert [v.number for v in house.document(document_id).versions] == [0, 1, 2]


def test_everything_is_stamped_when_an_algorithm_ends(services: Services, house: House) -> None:
    """Whatever its certificate says; a document that is not archived has nothing to renew."""
    archived, waiting = house.file(1), house.file(2)
    house.sign(archived)
    house.sign(waiting)
    job_id = services.document_stamps.renew(everything=True)
    assert job_id is not None
    assert services.jobs.progress(job_id).total == 1
    assert services.jobs.progress(job_id).kind == RESTAMP_JOB_KIND


def test_a_damaged_document_gets_no_stamp(services: Services, house: House) -> None:
    """The other documents of the job do; this one is named with its reason."""
    good, bad = house.file(1), house.file(1)
    house.sign(good)
    document = house.sign(bad)
    content = bytearray(services.files.get(document.sha256))
    content[content.index(b"/Contents") - 200] ^= 1
    path = services.settings.home / "files" / document.sha256[:2] / document.sha256
    found = [one for one in (services.settings.home / "files").rglob("*") if one.name == path.name]
    assert len(found) == 1
    found[0].chmod(0o600)
    found[0].write_bytes(content)
    failed = services.document_stamps.renew_items([f"{bad}-1", f"{good}-1"])
    assert set(failed) == {f"{bad}-1"}
    assert len(house.document(good).versions) == 3


@pytest.fixture
def outside(
    settings: Settings, desk: Desk, clock: StandingClock, request: pytest.FixtureRequest
) -> Iterator[tuple[Flask, Settings]]:
    """The house with an authority outside, under the policy of the parameter."""
    desk.write_chain(settings.pki)
    changed = replace(
        settings, tsa_url=desk.url, tsa_failure=getattr(request, "param", "refuse"), tsa_seconds=20
    )
    with running(changed, clock) as app:
        yield app, changed


@pytest.fixture
def outside_house(outside: tuple[Flask, Settings], tmp_path: Path) -> House:
    services: Services = outside[0].extensions["signer"]
    ensure_role_signers(services)
    (tmp_path / "o").mkdir()
    return House(services, City(services, tmp_path / "o"), tmp_path)


def test_a_document_waits_for_the_stamp_of_its_signer(outside_house: House, desk: Desk) -> None:
    """Signed at once, stamped when there is a stamp to be had; only then the next has a turn."""
    house, stamps = outside_house, outside_house.services.document_stamps
    document_id = house.file(2)
    desk.faults.extend([hang_up] * 3)
    assert [s.state for s in house.sign(document_id).steps] == ["stamping", "blocked"]
    assert stamps.shares(4) == [[document_id]]
    assert not stamps.stamp(document_id)  # three tries in vain: it goes on waiting
    assert [s.state for s in house.document(document_id).steps] == ["stamping", "blocked"]
    assert stamps.stamp(document_id)
    assert [s.state for s in house.document(document_id).steps] == ["signed", "waiting"]
    assert stamps.shares(4) == []
    house.sign(document_id, signer=1)
    assert stamps.stamp(document_id)
    document = house.document(document_id)
    assert document.state == "signed"
    assert [v.number for v in document.versions] == [0, 1, 2, 3, 4]
    verdict = house.verdict(document_id)
    assert verdict.verdict is VerdictClass.VALID, verdict.to_json()
    assert {s.level for s in verdict.signatures if s.kind == "signature"} == {"B-LTA"}
    assert len([s for s in verdict.signatures if s.kind == "signature"]) == 2
    levels = db.session.scalars(select(Signature.level).order_by(Signature.id)).all()
    assert levels == ["b-lta", "b-lta"]
    end = desk.signer.certificate.not_valid_after_utc
    assert _protected_until(document_id) == end


@pytest.mark.parametrize("outside", ["sign_without"], indirect=True)
def test_by_policy_it_goes_on_without_and_says_so(outside_house: House, desk: Desk) -> None:
    """B-B, on record, and the next signer has a turn."""
    house = outside_house
    document_id = house.file(2)
    house.sign(document_id)
    desk.faults.extend([hang_up] * 3)
    assert house.services.document_stamps.stamp(document_id)
    assert [s.state for s in house.document(document_id).steps] == ["signed", "waiting"]
    (row,) = db.session.scalars(select(Signature)).all()
    assert (row.level, row.wanted_level) == ("b-b", "b-lta")
    actions = [event.action for event in house.services.audit.events(limit=50)]
    assert "document.unstamped" in actions


def test_the_worker_stamps_beside_its_other_duties(
    outside: tuple[Flask, Settings], outside_house: House, desk: Desk
) -> None:
    """Nobody has to ask, and a TSA that hangs up first is asked again."""
    document_id = outside_house.file(1)
    outside_house.sign(document_id)
    desk.faults.append(hang_up)
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(outside[0], stop))
    thread.start()
    try:
        until(lambda: outside_house.document(document_id).state == "signed", 30)
    finally:
        stop.set()
        thread.join()


def test_an_item_waits_while_there_is_no_stamp(outside_house: House, desk: Desk) -> None:
    """The whole job waits, uncounted: nothing has failed for good."""
    document_id = outside_house.file(1)
    outside_house.sign(document_id)
    assert outside_house.services.document_stamps.stamp(document_id)
    desk.faults.extend([hang_up] * 3)
    with pytest.raises(Unavailable):
        outside_house.services.document_stamps.renew_items([f"{document_id}-2"])
