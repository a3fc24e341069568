"""kill -9 at every commit of every act: nothing lost, nothing twice, whatever died when.

ARCHITECTURE.md says so of issuing, renewing, changing, replacing and revoking, activating and
signing. Each act is carried out by a child process: once undisturbed, which counts its commits,
then once for each side of each of them, killed there, in a copy of the house. Every time the
house is started again, must come to what an undisturbed run would have come to, and
`signer ledger check` must find nothing.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from signer.accounts import SYSTEM, Role
from signer.ca.models import Certificate
from signer.db import db, transaction
from signer.inventory.models import Person
from signer.issuance import keys
from signer.issuance.grounds import Act, Ground
from signer.issuance.kinds import RequestKind
from signer.issuance.models import RequestItem, Revocation, SigningKey
from signer.services import Services
from signer.signing.models import Signature
from signer.signing.validation import VerdictClass
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.issuance.house import (
    House,
    certificate_states,
    commits,
    count_events,
    start_again,
)
from tests.issuance.killed_child import BOX, PIN, order, sign_list

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"


def approved(services: Services, city: City, people: Sequence[Person], kind: RequestKind) -> int:
    """The number of the job that works off an approved request for these people."""
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(
        clerk, person_codes=[person.code for person in people], reason="Theo yêu cầu", kind=kind
    )
    assert made.persons == len(people), made.refused
    return services.issuance.approve(head, made.id or 0)


@both_databases
def test_issuing(house: House, services: Services, city: City) -> None:
    """Three people of one approved request: three certificates."""
    people = city.people(3)
    ids = [person.id for person in people]
    job_id = approved(services, city, people, RequestKind.ISSUE)
    points = house.boundaries("work")
    assert commits(points) >= 5  # claim, keys, serials, certificates, settled, at the very least
    for point in points:
        with house.killed("work", point) as rooms:
            rooms.issuance.states_of(ids)  # the pages stay readable in between
            start_again(rooms)
            states = rooms.issuance.states_of(ids)
            assert {standing.state for standing in states.values()} == {"ready"}
            progress = rooms.jobs.progress(job_id)
            assert (progress.state, progress.done, progress.failed) == ("done", 3, 0)
            assert set(db.session.scalars(select(RequestItem.state))) == {"issued"}
            assert len(db.session.scalars(select(SigningKey.id)).all()) == 3
            assert certificate_states() == {"issued": 3}
            assert count_events("certificate.issue") == 3
            assert count_events("person.certified") == 3
            assert count_events("job.finished") == 2  # the roster and this one


def test_issuing_killed_and_then_cancelled(house: House, services: Services, city: City) -> None:
    """What was to be signed is done, as cancelling says; the others are asked for again."""
    people = city.people(3)
    ids = [person.id for person in people]
    job_id = approved(services, city, people, RequestKind.ISSUE)
    for point in house.boundaries("work"):
        with house.killed("work", point) as rooms:
            if rooms.jobs.progress(job_id).state != "running":
                continue  # it was finished when it died
            rooms.issuance.cancel_job(SYSTEM, job_id)
            start_again(rooms)
            clerk = rooms.accounts.actor_of("hr")
            head = rooms.accounts.actor_of("head")
            again = rooms.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần hai")
            assert again.persons in (0, 3)
            if again.id is not None:
                rooms.issuance.approve(head, again.id)
                rooms.jobs.run(rooms.job_handlers)
            states = rooms.issuance.states_of(ids)
            assert {standing.state for standing in states.values()} == {"ready"}
            assert certificate_states() == {"issued": 3}
            assert count_events("person.certified") == 3


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (RequestKind.RENEW, {"issued": 6}),  # the old ones are left to run out
        (RequestKind.CHANGE, {"issued": 3, "revoked": 3}),
        (RequestKind.REKEY, {"issued": 3, "revoked": 3}),
    ],
)
def test_a_certificate_in_place_of_another(
    house: House,
    services: Services,
    city: City,
    clock: StandingClock,
    kind: RequestKind,
    after: dict[str, int],
) -> None:
    """Renewed, changed or with a new key: each person has one present certificate and key."""
    people = city.certified(3)
    ids, codes = [person.id for person in people], [person.code for person in people]
    services.signing.activate(city.signer_of(people[0]), PIN)
    if kind is RequestKind.RENEW:
        clock.move(timedelta(days=1825 - 100))
    if kind is RequestKind.CHANGE:
        with transaction():
            for code in codes:
                db.session.execute(
                    update(Person)
                    .where(Person.code == code)
                    .values(email=f"moi.{code.lower()}@hanoi.gov.vn", updated_at=clock.now())
                )
    before = {key.id for key in map(keys.find_current_key, ids) if key is not None}
    job_id = approved(services, city, people, kind)
    points = house.boundaries("work")
    assert commits(points) >= 4
    for point in points:
        with house.killed("work", point) as rooms:
            rooms.issuance.states_of(ids)
            start_again(rooms)
            progress = rooms.jobs.progress(job_id)
            assert (progress.state, progress.done, progress.failed) == ("done", 3, 0)
            assert certificate_states() == after
            current = [keys.find_current_key(person_id) for person_id in ids]
            assert all(key and key.certificate_state == "issued" for key in current)
            assert ({key.id for key in current if key} == before) == (kind != RequestKind.REKEY)
            assert count_events("certificate.issue") == 6
            assert count_events("certificate.revoke") == after.get("revoked", 0)


def test_replacing_a_locked_key(house: House, services: Services, city: City) -> None:
    """One certificate counts, the new one; the old one is revoked, once."""
    (person,) = city.certified(1)
    person_id, code = person.id, person.code
    services.signing.activate(city.signer_of(person), PIN)
    old = keys.find_current_key(person_id)
    assert old is not None
    with transaction():
        keys.mark_locked(old.id)
    points = house.boundaries("replace", person_id=person_id)
    assert commits(points) >= 4
    for point in points:
        with house.killed("replace", point, person_id=person_id) as rooms:
            rooms.issuance.states_of([person_id])
            start_again(rooms)
            current = keys.find_current_key(person_id)
            assert current is not None
            if current.id == old.id:  # killed before anything was stored: it is asked for again
                rooms.issuance.issuing.replace_key(person_id, "clerk")
                current = keys.find_current_key(person_id)
            assert current is not None
            assert (current.state, current.certificate_state) == ("ready", "issued")
            standing = rooms.issuance.states_of([person_id])[person_id]
            assert (standing.state, standing.serial_hex) == ("ready", current.serial_hex)
            (revoked,) = db.session.scalars(
                select(Certificate).where(Certificate.state == "revoked")
            )
            assert (revoked.serial_hex, revoked.revocation_reason) == (old.serial_hex, "superseded")
            assert certificate_states() == {"issued": 1, "revoked": 1}
            assert count_events("certificate.issue") == 2
            assert count_events("certificate.revoke") == 1
            assert count_events("key.replaced") == 1
            rooms.signing.activate(rooms.accounts.actor_of(code.lower()), PIN)


@pytest.mark.parametrize(
    ("database_url", "act", "ground", "before", "after"),
    [  # every act makes the same statements, so one of them on the other database is enough
        ("sqlite", Act.REVOKE, Ground.RETIRED, "issued", "revoked"),
        ("postgresql", Act.REVOKE, Ground.RETIRED, "issued", "revoked"),
        ("sqlite", Act.REVOKE, Ground.KEY_EXPOSED, "suspended", "revoked"),
        ("sqlite", Act.SUSPEND, Ground.KEY_EXPOSED, "issued", "suspended"),
        ("sqlite", Act.RELEASE, None, "suspended", "issued"),
    ],
    indirect=["database_url"],
)
def test_a_clerks_order(
    house: House,
    services: Services,
    city: City,
    act: Act,
    ground: Ground | None,
    before: str,
    after: str,
) -> None:
    """Once it is stored it is carried out, by the next start if need be; else asked again."""
    people = city.certified(3)
    ids = [person.id for person in people]
    clerk = city.actor("hr", Role.HR)
    order_ = {
        "clerk": clerk.name,
        "do": act.value,
        "codes": [person.code for person in people],
        "ground": ground and ground.value,
    }
    if before == "suspended":
        hold = order_ | {"do": "suspend", "ground": Ground.KEY_EXPOSED.value}
        order(services, hold)
    points = house.boundaries("order", **order_)
    assert commits(points) >= 3  # ordered, moved by the CA, done
    for point in points:
        with house.killed("order", point, **order_) as rooms:
            rooms.issuance.states_of(ids)
            start_again(rooms)
            done = select(Revocation).where(Revocation.kind == act.value)
            if not db.session.scalars(done).all():  # killed before it was stored
                assert point == ("before commit", 1)
                order(rooms, order_)
            assert {row.state for row in db.session.scalars(done)} == {"done"}
            assert len(db.session.scalars(done).all()) == 3
            assert certificate_states() == {after: 3}
            assert count_events(f"certificate.{act.value}") == 3
            wrapped = db.session.scalars(select(SigningKey.wrapped)).all()
            assert [key is None for key in wrapped] == [after == "revoked"] * 3


def test_a_long_order(house: House, services: Services, city: City) -> None:
    """Twenty-five people are more than fit one answer: a job, killed at each of its commits."""
    people = city.certified(25)
    clerk = city.actor("hr", Role.HR)
    ordered = services.issuance.revoking.order(
        clerk,
        act=Act.REVOKE,
        person_codes=[person.code for person in people],
        ground=Ground.RETIRED,
        document_ref="12/QĐ-UBND",
    )
    assert ordered.job_id is not None, ordered
    points = house.boundaries("work")
    assert commits(points) >= 4
    for point in points:
        with house.killed("work", point) as rooms:
            start_again(rooms)
            progress = rooms.jobs.progress(ordered.job_id)
            assert (progress.state, progress.done, progress.failed) == ("done", 25, 0)
            assert certificate_states() == {"revoked": 25}
            assert count_events("certificate.revoke") == 25


def test_drafts_and_the_word_on_them(
    house: House, services: Services, city: City, clock: StandingClock
) -> None:
    """Leavers are drafted once by whoever sweeps, and end once by the clerk's word."""
    city.certified(3)
    clerk = city.actor("hr", Role.HR)
    clock.move(timedelta(days=1))
    with transaction():
        db.session.execute(update(Person).values(state="retired", updated_at=clock.now()))
    for point in house.boundaries("work"):
        with house.killed("work", point) as rooms:
            start_again(rooms)
            assert rooms.issuance.revoking.count_drafts(clerk) == 3
            assert certificate_states() == {"issued": 3}
    start_again(services)
    word = {"clerk": clerk.name, "ground": Ground.RETIRED.value}
    points = house.boundaries("carry_out", **word)
    assert commits(points) >= 3
    for point in points:
        with house.killed("carry_out", point, **word) as rooms:
            start_again(rooms)
            left = rooms.issuance.revoking.count_drafts(clerk)
            assert left == (3 if point == ("before commit", 1) else 0)
            assert certificate_states() == ({"issued": 3} if left else {"revoked": 3})


def test_activating(house: House, services: Services, city: City) -> None:
    """The key is either still wrapped or sealed, never both and never neither."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    _dossier(services, city, person.code)
    (document,) = services.dossiers.inbox(actor)
    for point in house.boundaries("activate", signer=actor.name):
        with house.killed("activate", point, signer=actor.name) as rooms:
            start_again(rooms)
            if rooms.signing.key_of(actor).state == "ready":
                rooms.signing.activate(actor, PIN)
            assert count_events("key.activated") == 1
            rooms.dossiers.sign(
                actor,
                document.id,
                pin=PIN,
                page=1,
                box=BOX,
                shown_sha256=document.sha256,
                unseen=True,
            )


def test_signing_a_document(house: House, services: Services, city: City, tmp_path: Path) -> None:
    """Asked again, the document has one signature of this person: none lost, none twice."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    _dossier(services, city, person.code)
    (document,) = services.dossiers.inbox(actor)
    act = {
        "signer": actor.name,
        "document_id": document.id,
        "shown_sha256": document.sha256,
    }
    points = house.boundaries("sign", **act)
    assert commits(points) >= 4  # intent, try counted, tries given back, outcome
    for point in points:
        with house.killed("sign", point, **act) as rooms:
            start_again(rooms)
            done = rooms.dossiers.sign(
                actor,
                document.id,
                pin=PIN,
                page=1,
                box=BOX,
                shown_sha256=document.sha256,
                unseen=True,
            )
            assert (done.state, [version.number for version in done.versions]) == ("signed", [0, 1])
            (signature,) = db.session.scalars(select(Signature)).all()
            assert (signature.state, signature.output_sha256) == ("done", done.sha256)
            db.session.rollback()
            file = tmp_path / "signed.pdf"
            file.write_bytes(rooms.files.get(done.sha256))
            verdict = rooms.signing.verify(file)
            assert (verdict.verdict, len(verdict.signatures)) == (VerdictClass.VALID, 1)
            assert rooms.signing.key_of(actor).attempts_left == 5
            assert count_events("document.signed") == 1


def test_signing_a_list(house: House, services: Services, city: City) -> None:
    """What is left of the list is signed with a new approval; no document is signed twice."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    _dossier(services, city, person.code, files=3)
    act = {"signer": actor.name}
    points = house.boundaries("sign_list", **act)
    assert commits(points) >= 4  # list offered, try counted, list used with its intents, outcomes
    for point in points:
        with house.killed("sign_list", point, **act) as rooms:
            start_again(rooms)
            waiting = rooms.dossiers.inbox(actor)
            assert len(waiting) == (0 if point == ("after commit", commits(points)) else 3)
            if waiting:
                sign_list(rooms, act)
            assert rooms.dossiers.inbox(actor) == []
            signatures = db.session.scalars(select(Signature)).all()
            assert [row.state for row in signatures] == ["done"] * 3
            assert count_events("document.signed") == 3
            versions = [
                [version.number for version in document.versions]
                for dossier in rooms.dossiers.dossiers(actor)
                for document in rooms.dossiers.dossier_of(actor, dossier.id).documents
            ]
            assert versions == [[0, 1]] * 3


def _dossier(services: Services, city: City, code: str, files: int = 1) -> int:
    return services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=date(2026, 12, 1),
        files=[(f"QD {n}.pdf", DECISION) for n in range(files)],
        signers=[code],
    )
