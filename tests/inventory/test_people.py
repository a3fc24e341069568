"""People: found, listed in order, seen only within one's units, numbers revealed on the record."""

import base64
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from signer.accounts import Actor, Role
from signer.accounts.models import Account
from signer.audit import Audit
from signer.clock import Clock
from signer.db import db, transaction
from signer.errors import Conflict, Invalid, NotFound
from signer.inventory.facts import PersonFacts
from signer.inventory.models import Person
from signer.inventory.people import Listing, PeopleFilter
from signer.inventory.service import Inventory, people_on
from signer.inventory.states import LEFT_STATES, STATE_RULES, Consequence, PersonState
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import Check, clerk, person

NAMES = ("Hoàng Thị Hạ", "Lê Văn An", "Trần Ánh", "Đỗ Bá Ân", "Vũ Hoà", "Bùi Hòa", "Ngô Thuỷ")


@pytest.fixture
def people(stored: Check) -> Check:
    stored(*(person(n, **{"Họ và tên": name}) for n, name in enumerate(NAMES, start=1)))
    return stored


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("hoa", ["Bùi Hòa", "Hoàng Thị Hạ", "Vũ Hoà"]),
        ("Ánh Trần", ["Trần Ánh"]),
        ("hn000002", ["Lê Văn An"]),
        ("ANHNT2@hanoi", ["Lê Văn An"]),
        ("oang", []),
    ],
)
def test_search_finds_people_however_they_are_typed(
    inventory: Inventory, people: Check, hr: Actor, search: str, found: list[str]
) -> None:
    """R8: words of a name in any order, with or without marks; a code or address by its start."""
    assert people
    names = [p.full_name for p in inventory.people(hr, PeopleFilter(search=search)).items]
    assert sorted(names) == sorted(found)
    assert inventory.count_people(hr, PeopleFilter(search=search)) == len(names)


def test_who_is_taken_back_since_the_page_was_found_is_not_on_it(
    inventory: Inventory, people: Check, hr: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import is undone between the two questions of a page."""
    assert people
    places = Listing._places
    monkeypatch.setattr(
        Listing, "_places", lambda self, after, limit: [*places(self, after, limit), ("~", 999)]
    )
    assert len(inventory.people(hr, PeopleFilter(search="hoa")).items) == 3
    (written,) = inventory.each_of_people(hr, PeopleFilter(search="hoa"))
    assert len(written) == 3


@both_databases
def test_lists_are_in_vietnamese_order_page_by_page(
    inventory: Inventory, people: Check, hr: Actor
) -> None:
    """R9, the same on both databases, without a gap or a double at the seams."""
    assert people
    wanted = ["Lê Văn An", "Trần Ánh", "Đỗ Bá Ân", "Hoàng Thị Hạ", "Bùi Hòa", "Vũ Hoà", "Ngô Thuỷ"]
    for limit in (1, 2, 3, 50):
        seen: list[str] = []
        after = None
        while True:
            page = inventory.people(hr, after=after, limit=limit)
            seen += [p.full_name for p in page.items]
            if (after := page.next) is None:
                break
        assert seen == wanted


@pytest.mark.parametrize(
    "token",
    [
        *("", "x", "e30", "!!", "W10", "é"),
        *(
            base64.urlsafe_b64encode(text.encode()).decode()
            for text in ('["a", Infinity]', '["a", 1e999]', '["a", 1.5]', '[["a"], 1]', "[null, 5]")
        ),
    ],
)
def test_a_forged_page_token_is_refused(inventory: Inventory, hr: Actor, token: str) -> None:
    """It comes from an address that anybody may type."""
    with pytest.raises(Invalid):
        inventory.people(hr, after=token)


def test_an_officer_sees_the_own_subtree(
    inventory: Inventory, people: Check, stored: Check
) -> None:
    """Elsewhere is not found, as if it did not exist."""
    assert people
    stored(person(50, **{"Đơn vị": "Phường Giảng Võ", "Họ và tên": "Lê Thị Xa"}))
    path = inventory.unit_of("00025").path
    officer = clerk(path)
    assert [p.full_name for p in inventory.people(officer).items] == ["Lê Thị Xa"]
    elsewhere = inventory.people(clerk(""), limit=3).next  # somebody else's place in the list
    assert [p.full_name for p in inventory.people(officer, after=elsewhere).items] == ["Lê Thị Xa"]
    assert list(inventory.people_by_codes(officer, ["hn000050", "HN000001"])) == ["HN000050"]
    with pytest.raises(NotFound):
        inventory.person_of(officer, "HN000001")
    assert inventory.people(clerk(), PeopleFilter(search="an")).items == ()
    assert inventory.count_people(clerk("")) == len(NAMES) + 1
    assert inventory.count_people(clerk(""), PeopleFilter(unit_path=path)) == 1


def test_an_account_belongs_to_one_person(
    inventory: Inventory, people: Check, clock: Clock
) -> None:
    """Linking twice the same is harmless, another is a conflict."""
    assert people
    admin = clerk("", role=Role.ADMIN)
    first, second = inventory.people(admin, limit=2).items
    with transaction():
        accounts = [
            Account(
                name=name,
                display_name=name,
                password_hash="",
                must_change_password=False,
                failed_attempts=0,
                created_at=clock.now(),
            )
            for name in ("a", "b")
        ]
        db.session.add_all(accounts)
    inventory.link_account(admin, first.id, accounts[0].id)
    inventory.link_account(admin, first.id, accounts[0].id)
    linked = inventory.person_of_account(accounts[0].id)
    assert linked is not None
    assert linked.id == first.id
    for person_id, account in ((first.id, accounts[1]), (second.id, accounts[0])):
        with pytest.raises(Conflict):
            inventory.link_account(admin, person_id, account.id)
    with pytest.raises(NotFound):
        inventory.link_account(admin, 999, accounts[1].id)
    assert inventory.person_of_account(None) is None


@both_databases
def test_who_counts_on_a_day_is_one_query_over_the_dated_rows(
    inventory: Inventory, stored: Check, clock: StandingClock
) -> None:
    """What the coverage report asks: by day and by subtree."""
    stored(person(1), person(2, **{"Họ và tên": "Lê Thị Hai"}))
    clock.move(timedelta(days=5))
    stored(
        person(1, **{"Đơn vị": "Phường Giảng Võ"}),
        person(2, **{"Họ và tên": "Lê Thị Hai", "Trạng thái công tác": "Nghỉ thai sản"}),
    )
    lang, giang_vo = (inventory.unit_of(code).path for code in ("00199", "00025"))

    def counted(day: date, path: str) -> int:
        rows = db.session.execute(people_on(day, path)).all()
        return sum(1 for row in rows if row.counted)

    assert counted(date(2026, 11, 22), "") == 0
    assert counted(date(2026, 11, 23), lang) == counted(date(2026, 11, 27), lang) == 2
    assert counted(date(2026, 11, 28), lang) == 0
    assert counted(date(2026, 11, 28), giang_vo) == counted(date(2026, 11, 28), "") == 1


def test_our_own_programs_may_add_people_directly(
    inventory: Inventory, hr: Actor, audit: Audit
) -> None:
    """The demo's way in: dated, audited, idempotent."""
    unit = inventory.unit_of("00199")
    facts = [
        PersonFacts(
            code=f"D{n}", full_name=f"Lê Văn {'Ab'[n % 2]}", unit_id=unit.id, unit_path=unit.path
        )
        for n in range(3)
    ]
    assert inventory.add_people(hr, facts, date(2026, 1, 1), source="demo:people").new == 3
    assert inventory.add_people(hr, facts, date(2026, 1, 1), source="demo:people").new == 0
    assert {p.state for p in db.session.scalars(select(Person))} == {PersonState.WORKING}
    assert audit.events()[0].subject == "demo:people"


def test_every_state_has_a_rule() -> None:
    """R11: who left neither counts nor signs, and the certificate must be dealt with."""
    assert set(STATE_RULES) == set(PersonState)
    for state in LEFT_STATES:
        rule = STATE_RULES[state]
        assert not rule.counted
        assert not rule.may_sign
        assert rule.consequence in (Consequence.REVOKE, Consequence.CHANGE_OR_REVOKE)
