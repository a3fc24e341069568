"""The lists of people against a plain reading of the same question, on both databases.

What decides how a list is walked are numbers of people; here they are small, so that a handful of
people is walked in every way.
"""

import itertools
import unicodedata
from datetime import date
from random import Random

import pytest
from sqlalchemy import delete, select

from signer.accounts import SYSTEM
from signer.db import db, transaction
from signer.inventory import people as people_module
from signer.inventory.facts import PersonFacts
from signer.inventory.kinds import PersonKind, SigningRole
from signer.inventory.models import Person
from signer.inventory.names import fold
from signer.inventory.people import PeopleFilter
from signer.inventory.service import Inventory
from signer.inventory.states import PersonState
from signer.inventory.words import NameWord, PersonWord, folded_name, words_of_all
from tests.databases import both_databases
from tests.inventory.conftest import clerk

SYLLABLES = ("Nguyễn", "Ngọc", "Nga", "Thị", "Thịnh", "Trần", "An", "Ánh", "Kỳ", "Kì", "Quý", "Hoà")
TODAY = date(2026, 11, 23)
UNITS = ("00199", "00025", "SNV")


@pytest.fixture
def everybody(inventory: Inventory) -> list[Person]:
    """Eighty people with few names in three units."""
    chance = Random(4)
    units = [inventory.unit_of(code) for code in UNITS]
    facts = []
    for number in range(80):
        unit = chance.choice(units)
        facts.append(
            PersonFacts(
                code=f"{'HN' if number % 3 else 'AN'}{number:04d}",
                full_name=" ".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))),
                unit_id=unit.id,
                unit_path=unit.path,
                email=f"{'an' if number % 2 else 'hn'}{number}@hanoi.gov.vn",
                kind=chance.choice([*PersonKind, None]),
                state=chance.choice([PersonState.WORKING] * 3 + list(PersonState)),
                signing_roles=chance.choice([None, (), (SigningRole.CLERK, SigningRole.LEADER)]),
            )
        )
    inventory.add_people(SYSTEM, facts, TODAY, source="test")
    return list(db.session.scalars(select(Person).order_by(Person.sort_key, Person.id)))


ASKED = [
    PeopleFilter(search=search, unit_path=unit, state=state, kind=kind, role=role)
    for search in (None, "nguyen", "ng", "n", "ng an", "nguyen thi", "ky", "ki", "xyz", "an", "hn")
    for unit, state, kind, role in (
        (None, None, None, None),
        ("00199", None, None, None),
        ("SNV", PersonState.WORKING, None, None),
        (None, PersonState.RETIRED, None, None),
        ("00025", PersonState.RETIRED, None, SigningRole.LEADER),
        (None, None, PersonKind.CADRE, SigningRole.CLERK),
    )
]


@both_databases
@pytest.mark.parametrize(("few", "counted"), [(3_000, 50_000), (2, 30), (0, 0)])
def test_every_way_to_walk_a_list_finds_the_same_people(
    inventory: Inventory,
    everybody: list[Person],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    counted: int,
) -> None:
    """The whole list, page by page of any size, in order, each person once; and its number."""
    monkeypatch.setattr(people_module, "_FEW", few)
    monkeypatch.setattr(people_module, "_COUNTED", counted)
    paths = {code: inventory.unit_of(code).path for code in UNITS}
    for asked in ASKED:
        asked = PeopleFilter(
            search=asked.search,
            unit_path=paths[asked.unit_path] if asked.unit_path else None,
            state=asked.state,
            kind=asked.kind,
            role=asked.role,
        )
        wanted = [p.id for p in _in_order(everybody, asked) if _is_asked(p, asked)]
        assert _pages(inventory, asked, 7) == wanted, asked
        assert inventory.count_people(SYSTEM, asked) == len(wanted)
        assert inventory.count_people(SYSTEM, asked, at_most=5) == min(len(wanted), 6)
        all_at_once = inventory.each_of_people(SYSTEM, asked, at_once=9)
        assert [p.id for p in itertools.chain.from_iterable(all_at_once)] == wanted


@both_databases
def test_somebody_of_two_units_sees_both(inventory: Inventory, everybody: list[Person]) -> None:
    """Whether the list is narrowed to one of them, to another's, or to what is above both."""
    paths = [inventory.unit_of(code).path for code in UNITS]
    both = clerk(*paths[:2])
    for wanted in (None, *paths, inventory.unit_of("HN").path):
        within = [p for p in paths[:2] if p.startswith(wanted or "")]
        found = inventory.people(both, PeopleFilter(unit_path=wanted), limit=200).items
        assert [p.id for p in found] == [p.id for p in everybody if p.unit_path in within]


def _pages(inventory: Inventory, asked: PeopleFilter, limit: int) -> list[int]:
    found, after = [], None
    while True:
        page = inventory.people(SYSTEM, asked, after=after, limit=limit)
        found += [person.id for person in page.items]
        if (after := page.next) is None:
            return found


def _in_order(people: list[Person], asked: PeopleFilter) -> list[Person]:
    if asked.search == "hn":  # no name begins so: it is how codes begin
        return sorted(people, key=lambda p: p.code)
    return people


def _is_asked(person: Person, asked: PeopleFilter) -> bool:
    name = fold(person.full_name).replace("ky", "ki").split()
    words = fold(asked.search or "").replace("ky", "ki").split()
    is_found = (
        person.code.startswith("HN")
        if asked.search == "hn"
        else all(any(part.startswith(word) for part in name) for word in words)
    )
    return (
        is_found
        and person.unit_path.startswith(asked.unit_path or "")
        and asked.state in (None, person.state)
        and asked.kind in (None, person.kind)
        and (asked.role is None or asked.role in (person.signing_roles or ()))
    )


SAME = [
    ("do", "Đỗ Bá Ân"),
    ("Đỗ", "Đỗ Bá Ân"),
    ("ÐỖ", "Đỗ Bá Ân"),
    ("hoa", "Vũ Hoà"),
    ("hoà", "Vũ Hòa"),
    ("hòa", "Vũ Hoà"),
    ("thuỷ", "Ngô Thủy"),
    ("thủy", "Ngô Thuỷ"),
    ("kỹ", "Lê Kĩ"),
    ("kĩ", "Lê Kỹ"),
    ("tỉ", "Lê Tỷ"),
    ("tỷ", "Lê Tỉ"),
    ("quý", "Mai Quí"),
    ("qui", "Mai Quý"),
    ("nguyen thi anh", "Nguyễn Thị Ánh"),
    ("Nguyễn Thị Ánh", "Nguyễn Thị Ánh"),
    (unicodedata.normalize("NFD", "Nguyễn Thị Ánh"), "Nguyễn Thị Ánh"),
    ("anh  NGUYEN", "Nguyễn Thị Ánh"),
    ("ngu th a", "Nguyễn Thị Ánh"),
]
NOT_SAME = [
    ("ky", "Lê Kim"),
    ("thuy", "Lê Thúi"),
    ("hai", "Lê Hay"),
    ("guyen", "Nguyễn Thị Ánh"),
    ("nguyen thi anh anh hung", "Nguyễn Thị Ánh"),
    ("%", "Nguyễn Thị Ánh"),
    ("_", "Nguyễn Thị Ánh"),
    ("a" * 101, "A" * 100),
]


@pytest.mark.parametrize(
    ("typed", "name", "is_found"),
    [(*pair, True) for pair in SAME] + [(*pair, False) for pair in NOT_SAME],
)
def test_a_name_is_found_however_it_is_written(
    inventory: Inventory, typed: str, name: str, is_found: bool
) -> None:
    """R8, and i for y."""
    unit = inventory.unit_of("SNV")
    facts = PersonFacts(code="A1", full_name=name, unit_id=unit.id, unit_path=unit.path)
    inventory.add_people(SYSTEM, [facts], TODAY, source="test")
    found = inventory.people(SYSTEM, PeopleFilter(search=typed)).items
    assert [p.full_name for p in found] == ([name] if is_found else [])


@both_databases
def test_codes_of_other_units_hide_nobody(inventory: Inventory) -> None:
    """Who is found by an address stays found, whatever codes there are that one may not see."""
    own, other = (inventory.unit_of(code) for code in UNITS[:2])
    facts = [
        PersonFacts(code=code, full_name="Lê Hà", unit_id=unit.id, unit_path=unit.path, email=email)
        for code, unit, email in (
            ("HN0001", own, "ha7@hanoi.gov.vn"),
            ("HA7", other, "x@hanoi.gov.vn"),
        )
    ]
    inventory.add_people(SYSTEM, facts, TODAY, source="test")
    for actor, code in ((clerk(own.path), "HN0001"), (clerk(other.path), "HA7"), (SYSTEM, "HA7")):
        found = inventory.people(actor, PeopleFilter(search="ha7"))
        assert [p.code for p in found.items] == [code]
        assert inventory.count_people(actor, PeopleFilter(search="ha7")) == 1


@both_databases
def test_the_words_follow_the_name(inventory: Inventory) -> None:
    """A new name is found and the old one is not; the vocabulary counts who has a word."""
    unit = inventory.unit_of("SNV")
    facts = [
        PersonFacts(code=f"A{n}", full_name=name, unit_id=unit.id, unit_path=unit.path)
        for n, name in enumerate(("Lê Lê Hà", "Lê Văn Tý"))
    ]
    inventory.add_people(SYSTEM, facts, TODAY, source="test")
    renamed = PersonFacts(code="A1", full_name="Đỗ Văn Bí", unit_id=unit.id, unit_path=unit.path)
    inventory.add_people(SYSTEM, [renamed], TODAY, source="test")
    assert inventory.people(SYSTEM, PeopleFilter(search="tý")).items == ()
    rows = db.session.execute(select(PersonWord.word, PersonWord.folded)).all()
    assert sorted(map(tuple, rows)) == [
        ("bi", " do van bi "),
        ("do", " do van bi "),
        ("ha", " le le ha "),
        ("le", " le le ha "),
        ("van", " do van bi "),
    ]
    counts = db.session.execute(select(NameWord.word, NameWord.persons)).all()
    assert {row.word: row.persons for row in counts if row.persons} == {
        **dict.fromkeys(("bi", "do", "ha", "le", "van"), 1)
    }
    assert folded_name("Lê  Lê Hà") == " le le ha "


def test_an_older_database_gets_its_words(inventory: Inventory, everybody: list[Person]) -> None:
    """Setting up fills the tables from the names that are there, whatever stood in them."""
    table = select(PersonWord.word, PersonWord.sort_key, PersonWord.person_id, PersonWord.folded)
    before = set(map(tuple, db.session.execute(table)))
    with transaction():
        db.session.execute(delete(PersonWord))
        db.session.execute(delete(NameWord))
    with transaction():
        words_of_all(db.session.connection())
    assert set(map(tuple, db.session.execute(table))) == before
    assert everybody
