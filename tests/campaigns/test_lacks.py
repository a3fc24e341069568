"""Why somebody lacks a certificate: given to many at once, over by itself, one at a time."""

from datetime import timedelta
from typing import Any

import pytest

from signer.accounts import Actor
from signer.campaigns.kinds import LackCause
from signer.db import db, release, transaction
from signer.errors import Invalid, NotFound
from signer.inventory.models import Person, UnitDuty
from signer.issuance.grounds import Act, Ground
from signer.reports.coverage import View
from signer.services import Services
from tests.campaigns.sprints import TODAY, Sprint
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import account_of


def ids(people: list[Person]) -> list[int]:
    return [person.id for person in people]


@both_databases
def test_a_reason_is_given_to_many_and_ends_when_covered(
    services: Services, sprint: Sprint, city: City
) -> None:
    """Set for six, replaced for two, over for the one who is covered, in the same commit."""
    room = services.campaigns
    lacking = ids(sprint.ward[6:])
    given = room.assign_reason(
        sprint.officer, lacking, LackCause.NO_EMAIL, owner="Văn phòng", due_on=TODAY
    )
    assert given == 6
    again = room.assign_reason(sprint.officer, lacking[:2], LackCause.OTHER, note="Đi học")
    assert again == 2
    found = room.reasons_of(ids(sprint.ward))
    assert set(found) == set(lacking)
    assert (found[lacking[0]].cause, found[lacking[0]].note) == ("other", "Đi học")
    assert found[lacking[5]].owner == "Văn phòng"
    city.issue(sprint.ward[6:7])
    assert set(room.reasons_of(lacking)) == set(lacking[1:])
    counts, overdue = room.lacks.counts(services.inventory.unit_of(WARD).path)
    assert counts == {LackCause.NO_EMAIL: 4, LackCause.OTHER: 1}
    assert overdue == 0
    board = room.board(sprint.auditor, sprint.id)
    assert board.causes == counts


def test_a_reason_ends_when_a_certificate_is_given_back(services: Services, sprint: Sprint) -> None:
    """Suspended, so lacking, so explained; released, and nothing is left to explain."""
    person = sprint.ward[0]
    order: dict[str, Any] = {"person_codes": [person.code], "document_ref": "1/QĐ"}
    revoking = services.issuance.revoking
    revoking.order(sprint.officer, act=Act.SUSPEND, ground=Ground.DEVICE_LOST, **order)
    assert services.campaigns.assign_reason(sprint.officer, [person.id], LackCause.DEVICE_BROKEN)
    revoking.order(sprint.officer, act=Act.RELEASE, ground=None, **order)
    assert services.campaigns.reasons_of([person.id]) == {}


def test_who_needs_no_reason_is_left_out(services: Services, sprint: Sprint) -> None:
    """Covered people are skipped; the record names the others, and no day where none was said."""
    given = services.campaigns.assign_reason(sprint.officer, ids(sprint.ward), LackCause.LONG_LEAVE)
    assert given == 6
    event = services.audit.events(subject="lack:several")[0]
    assert event.action == "lack.reason_given"
    assert '"due_on":null' in event.details


@pytest.mark.parametrize(
    ("spoilt", "field"),
    [
        ({"person_ids": []}, "person"),
        ({"reason": LackCause.OTHER}, "note"),
        ({"reason": LackCause.OTHER, "note": " \u200b"}, "note"),
        ({"note": "x" * 501}, "note"),
        ({"due_on": TODAY - timedelta(days=1)}, "due_on"),
    ],
)
def test_a_reason_that_says_nothing(
    services: Services, sprint: Sprint, spoilt: dict[str, Any], field: str
) -> None:
    """Each fault is named by its field, and nothing is stored."""
    values: dict[str, Any] = {"person_ids": ids(sprint.ward[6:]), "reason": LackCause.NO_EMAIL}
    with pytest.raises(Invalid) as refused:
        services.campaigns.assign_reason(sprint.officer, **(values | spoilt))
    assert refused.value.field == field
    assert services.campaigns.reasons_of(ids(sprint.ward)) == {}


def test_only_the_own_units_people(services: Services, sprint: Sprint) -> None:
    """One stranger among them, and nobody gets a reason; auditors give none."""
    mixed = ids(sprint.ward[6:]) + ids(sprint.other)
    for actor in (sprint.officer, sprint.auditor):
        with pytest.raises(NotFound):
            services.campaigns.assign_reason(actor, mixed, LackCause.NO_EMAIL)
    assert services.campaigns.reasons_of(mixed) == {}
    assert services.campaigns.assign_reason(sprint.city_officer, mixed, LackCause.NO_EMAIL) == 9


@both_databases
def test_a_reminder_stays_until_it_is_seen(services: Services, sprint: Sprint) -> None:
    """The city reminds the ward; the ward's officer finds it on the start page until done."""
    room = services.campaigns
    sent = room.remind(sprint.city_officer, WARD, View.LACKS, " Làm trong tuần ")
    assert (sent.persons, sent.message, sent.unit.code) == (6, "Làm trong tuần", WARD)
    assert [one.id for one in room.reminders_for(sprint.officer)] == [sent.id]
    assert room.reminders_for(sprint.city_officer) == [], "a city's role is not reminded of wards"
    assert room.reminders_for(sprint.head) == [], "who approves does not file"
    with pytest.raises(NotFound):
        room.reminding.acknowledge(sprint.head, sent.id)
    room.reminding.acknowledge(sprint.officer, sent.id)
    room.reminding.acknowledge(sprint.officer, sent.id)
    assert room.reminders_for(sprint.officer) == []
    (listed,) = room.reminding.listed(sprint.city_officer)
    assert listed.seen_by == sprint.officer.name
    assert [e.action for e in services.audit.events(subject=f"reminder:{sent.id}")] == [
        "reminder.seen"
    ]


def test_the_focal_officer_is_reminded(services: Services, sprint: Sprint, city: City) -> None:
    """Whoever is named as the body's focal officer, whatever role the account has."""
    name, _ = account_of(city, sprint.ward[0])
    release()
    with transaction():
        db.session.add(
            UnitDuty(
                unit_id=sprint.ward[0].unit_id,
                person_id=sprint.ward[0].id,
                duty="focal",
                decision="1/QĐ-UBND",
                valid_from=TODAY,
            )
        )
    focal: Actor = services.accounts.actor_of(name)
    services.campaigns.remind(sprint.city_officer, WARD, View.LACKS, "")
    assert len(services.campaigns.reminders_for(focal)) == 1


def test_what_cannot_be_reminded(services: Services, sprint: Sprint, city: City) -> None:
    """Nobody in the list, a message too long, a unit of others."""
    remind = services.campaigns.remind
    with pytest.raises(Invalid):
        remind(sprint.city_officer, "00025", View.LACKS, "")
    with pytest.raises(Invalid) as refused:
        remind(sprint.city_officer, WARD, View.LACKS, "x" * 501)
    assert refused.value.field == "message"
    for actor, unit in ((sprint.officer, OTHER_WARD), (sprint.auditor, WARD)):
        with pytest.raises(Exception, match="quyền"):
            remind(actor, unit, View.LACKS, "")
    assert db.session.execute(db.text("SELECT count(*) FROM reminder")).scalar() == 0
