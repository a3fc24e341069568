"""Renewal, change of data and new keys: what is refused, what is made, and how the old one ends."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from signer.accounts import Actor
from signer.ca.models import Certificate
from signer.db import db, transaction
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.grounds import Act, Ground
from signer.issuance.keys import find_current_key
from signer.issuance.kinds import RequestKind
from signer.issuance.models import RequestItem, SigningKey
from signer.issuance.states import SigningState
from signer.services import Services
from tests.at_once import all_at_once
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, City
from tests.issuance.cutting import is_cut_off
from tests.issuance.granting import approved, ask, grant, state_of

IN_THE_WINDOW = timedelta(days=5 * 365 - 100)


def _certificates() -> list[tuple[str, str | None]]:
    """(state, reason) of each, oldest first."""
    db.session.rollback()
    rows = db.session.execute(
        select(Certificate.state, Certificate.revocation_reason).order_by(Certificate.id)
    )
    return [(state, reason) for state, reason in rows]


def _current(person: Person) -> Certificate:
    db.session.rollback()
    key = find_current_key(person.id)
    assert key is not None
    return db.session.scalars(
        select(Certificate).where(Certificate.serial_hex == key.serial_hex)
    ).one()


def _transfer(services: Services, city: City, person: Person) -> None:
    """To the other ward, as a roster import would have it."""
    unit = services.inventory.unit_of(OTHER_WARD)
    with transaction():
        db.session.execute(
            update(Person)
            .where(Person.id == person.id)
            .values(unit_id=unit.id, unit_path=unit.path, updated_at=services.clock.now())
        )


@both_databases
def test_a_renewal_keeps_the_key_and_leaves_the_old_one_to_run_out(
    services: Services, person: Person, clerk: Actor, head: Actor, clock: StandingClock
) -> None:
    """Three years more at most, the same PIN; nothing is revoked. Once, then a new key."""
    before = _current(person)
    clock.move(IN_THE_WINDOW)
    grant(services, clerk, head, [person], RequestKind.RENEW)
    after = _current(person)
    assert (after.predecessor_id, after.profile) == (before.id, "personal-extension")
    assert after.spki_sha256 == before.spki_sha256
    assert timedelta(days=1094) <= after.not_after - clock.now() <= timedelta(days=1095)
    assert _certificates() == [("issued", None), ("issued", None)]
    assert state_of(services, person) is SigningState.ACTIVE
    assert services.issuance.issuing.resume() == 0
    clock.move(timedelta(days=1000))
    (refused,) = ask(services, clerk, [person], RequestKind.RENEW).refused
    assert "đủ số lần" in refused.sentence
    grant(services, clerk, head, [person], RequestKind.REKEY)
    assert state_of(services, person) is SigningState.READY
    # The first one ran out in the meantime, so only the renewed one had to be ended.
    assert _certificates() == [("issued", None), ("revoked", "superseded"), ("issued", None)]


def test_a_renewal_that_cannot_prolong_ends_nothing(
    services: Services, clerk: Actor, head: Actor, person: Person, clock: StandingClock
) -> None:
    """Where the CA itself ends with the old certificate, both simply run out with it."""
    with transaction():
        db.session.execute(
            update(Certificate).values(not_after=services.authority.certificate.not_valid_after_utc)
        )
    clock.at = services.authority.certificate.not_valid_after_utc - timedelta(days=100)
    grant(services, clerk, head, [person], RequestKind.RENEW)
    assert _certificates() == [("issued", None), ("issued", None)]


def test_whoever_is_revoked_loses_what_a_renewal_left_too(
    services: Services, person: Person, clerk: Actor, head: Actor, clock: StandingClock
) -> None:
    """Both certificates of the key count until then; the preview says two."""
    clock.move(IN_THE_WINDOW)
    grant(services, clerk, head, [person], RequestKind.RENEW)
    revoking = services.issuance.revoking
    (line,) = revoking.preview(clerk, act=Act.REVOKE, person_codes=[person.code]).lines
    assert line.certificates == 2
    revoking.order(
        clerk,
        act=Act.REVOKE,
        person_codes=[person.code],
        ground=Ground.KEY_EXPOSED,
        document_ref="",
    )
    assert _certificates() == [("revoked", "key_compromise")] * 2


@both_databases
@pytest.mark.parametrize(
    ("moves", "reason"), [(True, "affiliation_changed"), (False, "superseded")]
)
def test_a_change_of_data_keeps_key_and_end(
    services: Services,
    city: City,
    person: Person,
    clerk: Actor,
    head: Actor,
    clock: StandingClock,
    moves: bool,
    reason: str,
) -> None:
    """Another unit: affiliation changed; another address: superseded (RFC 5280 5.3.1)."""
    before = _current(person)
    clock.move(timedelta(days=400))
    if moves:
        _transfer(services, city, person)
    else:
        with transaction():
            db.session.execute(update(Person).values(email="khac@hanoi.gov.vn"))
    grant(services, clerk, head, [person], RequestKind.CHANGE)
    after = _current(person)
    assert after.not_after == before.not_after
    assert (after.spki_sha256, after.predecessor_id) == (before.spki_sha256, before.id)
    assert _certificates() == [("revoked", reason), ("issued", None)]
    assert state_of(services, person) is SigningState.ACTIVE
    if not moves:
        assert after.subject_email == "khac@hanoi.gov.vn"
    (refused,) = ask(services, clerk, [person], RequestKind.CHANGE).refused
    assert "vẫn đúng" in refused.sentence


@both_databases
def test_a_new_key_is_asked_for_like_a_certificate(
    services: Services, person: Person, clerk: Actor, head: Actor
) -> None:
    """The old one is superseded, the new one waits for its PIN."""
    before = _current(person)
    grant(services, clerk, head, [person], RequestKind.REKEY)
    after = _current(person)
    assert after.spki_sha256 != before.spki_sha256
    assert after.predecessor_id == before.id
    assert _certificates() == [("revoked", "superseded"), ("issued", None)]
    assert state_of(services, person) is SigningState.READY
    assert sorted(db.session.scalars(select(SigningKey.state))) == ["ready", "retired"]


@pytest.mark.parametrize(
    ("kind", "spoil", "words"),
    [
        (RequestKind.RENEW, "early", "Chưa đến kỳ"),
        (RequestKind.RENEW, "moved", "không còn đúng"),
        (RequestKind.RENEW, "locked", "đang bị khóa"),
        (RequestKind.RENEW, "expired", "Không có chứng thư"),
        (RequestKind.CHANGE, "nothing", "vẫn đúng"),
        (RequestKind.CHANGE, "left", "trạng thái công tác"),
        (RequestKind.CHANGE, "nobody", "Không tìm thấy"),
        (RequestKind.REKEY, "suspended", "tạm dừng"),
        (RequestKind.REKEY, "no address", "thư điện tử"),
        (RequestKind.REKEY, "asked", "đề nghị khác"),
    ],
)
def test_what_cannot_be_asked_for_says_why(
    services: Services,
    city: City,
    person: Person,
    clerk: Actor,
    clock: StandingClock,
    kind: RequestKind,
    spoil: str,
    words: str,
) -> None:
    """The window, the data, the key, the person."""
    if spoil not in ("early", "expired"):
        clock.move(IN_THE_WINDOW)
    if spoil == "expired":
        clock.move(timedelta(days=5 * 365 + 10))
    if spoil == "moved":
        _transfer(services, city, person)
    changes = {
        "left": {"state": PersonState.RESIGNED},
        "no address": {"email": None},
        "nobody": {"code": "Y00001"},
    }
    if spoil == "asked":
        ask(services, clerk, [person], RequestKind.REKEY)
    if spoil == "suspended":
        services.authority.suspend(int(_current(person).serial_hex, 16), "system")
    code = person.code
    with transaction():
        if spoil in changes:
            db.session.execute(update(Person).values(changes[spoil]))
        if spoil == "locked":
            db.session.execute(update(SigningKey).values(state="locked"))
    made = services.issuance.create(clerk, person_codes=[code], reason="Thử", kind=kind)
    assert made.id is None
    assert words in made.refused[0].sentence


def test_too_late_for_a_renewal_where_the_setting_says_so(
    services: Services, person: Person, clerk: Actor, clock: StandingClock
) -> None:
    """Decree 130/2018 asked for sixty days; the rows of the list say the same as the request."""
    clock.move(timedelta(days=5 * 365 - 30))
    object.__setattr__(services.settings, "renewal_min_days_left", 60)
    (refused,) = ask(services, clerk, [person], RequestKind.RENEW).refused
    assert "quá hạn đề nghị gia hạn" in refused.sentence
    (row,) = services.issuance.expiring(clerk, within_days=60).items
    assert (row.may_renew, row.why_not) == (False, refused.sentence)


KINDS = [RequestKind.RENEW, RequestKind.CHANGE, RequestKind.REKEY]


@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_at_every_commit_the_job_finishes(
    services: Services,
    city: City,
    clerk: Actor,
    head: Actor,
    clock: StandingClock,
    kind: RequestKind,
) -> None:
    """A chunk done again, also after a new start: one certificate in force, the old one ended."""
    people = city.certified(8)
    clock.move(IN_THE_WINDOW)
    if kind is RequestKind.CHANGE:
        for person in people:
            _transfer(services, city, person)
    cuts = 0
    for person in people:
        approved(services, clerk, head, [person], kind)
        item = db.session.scalars(
            select(RequestItem.id).where(
                RequestItem.person_id == person.id, RequestItem.state == "open"
            )
        ).one()
        if not is_cut_off(lambda: services.issuance.issuing.issue_items([str(item)]), cuts):  # noqa: B023  # called at once
            break
        if cuts % 2:
            services.issuance.issuing.resume()
        assert services.issuance.issuing.issue_items([str(item)]) == {}
        standing = services.issuance.states_of([person.id])[person.id]
        assert standing.state is SigningState.READY
        successor = _current(person)
        assert successor.state == "issued"
        old = db.session.get_one(Certificate, successor.predecessor_id)
        assert old.state == ("issued" if kind is RequestKind.RENEW else "revoked")
        cuts += 1
    assert cuts >= 3
    assert services.issuance.issuing.resume() == 0
    services.audit.verify()


@both_databases
@pytest.mark.parametrize("kind", KINDS)
def test_two_workers_with_the_same_renewal(
    services: Services,
    city: City,
    clerk: Actor,
    head: Actor,
    clock: StandingClock,
    app: Flask,
    kind: RequestKind,
) -> None:
    """One successor each, one record each."""
    people = city.certified(3)
    clock.move(IN_THE_WINDOW)
    if kind is RequestKind.CHANGE:
        for person in people:
            _transfer(services, city, person)
    approved(services, clerk, head, people, kind)
    items = [
        str(number)
        for number in db.session.scalars(select(RequestItem.id).where(RequestItem.state == "open"))
    ]
    outcomes = all_at_once(app, lambda _: services.issuance.issuing.issue_items(items), askers=2)
    assert outcomes == [{}, {}]
    ended = "issued" if kind is RequestKind.RENEW else "revoked"
    assert [state for state, _ in _certificates()] == [ended] * 3 + ["issued"] * 3
    action = {
        RequestKind.RENEW: "person.renewed",
        RequestKind.CHANGE: "person.changed",
        RequestKind.REKEY: "person.certified",
    }[kind]
    happened = [event.action for event in services.audit.events(limit=500)]
    assert happened.count(action) == (6 if kind is RequestKind.REKEY else 3)


@pytest.mark.parametrize("act", [Act.REVOKE, Act.SUSPEND])
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_ended_while_the_worker_is_at_it_signs_nothing(
    services: Services,
    city: City,
    person: Person,
    clerk: Actor,
    head: Actor,
    clock: StandingClock,
    kind: RequestKind,
    act: Act,
) -> None:
    """The CA had signed, the key had not been moved: the new certificate ends with the old one."""
    clock.move(IN_THE_WINDOW)
    if kind is RequestKind.CHANGE:
        _transfer(services, city, person)
    approved(services, clerk, head, [person], kind)
    item = str(db.session.scalars(select(RequestItem.id).where(RequestItem.state == "open")).one())
    while [state for state, _ in _certificates()] != ["issued", "issued"]:
        assert is_cut_off(lambda: services.issuance.issuing.issue_items([item]), 1)
    services.issuance.revoking.order(
        clerk, act=act, person_codes=[person.code], ground=Ground.KEY_EXPOSED, document_ref=""
    )
    assert services.issuance.issuing.issue_items([item]) != {}
    assert "issued" not in [state for state, _ in _certificates()]
    assert services.issuance.issuing.resume() == 0
    assert state_of(services, person) in (SigningState.REVOKED, SigningState.SUSPENDED)
