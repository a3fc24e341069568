"""Duplicates: proposed for a reason, merged or kept apart by a person, and taken back (R10)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from signer.accounts import Role
from signer.audit import Audit
from signer.db import db, release
from signer.errors import Conflict, Invalid, NotFound
from signer.inventory.duplicates import PairView, families, survivors
from signer.inventory.likeness import Likeness
from signer.inventory.models import Person
from signer.inventory.service import Inventory
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import Check, clerk, person
from tests.inventory.test_policy import counted

HR = clerk("")
LEFT = {"Trạng thái công tác": "Chuyển công tác"}
OTHER = {"Họ và tên": "Lê Văn Bình", "Ngày sinh": "01/02/1990", "Giới tính": "Nam"}
SHARED = {"Số CCCD": "001185000777"}


def id_of(code: str) -> int:
    found = db.session.scalar(select(Person.id).where(Person.code == code))
    assert found is not None
    return found


def only_pair(inventory: Inventory) -> PairView:
    (pair,) = inventory.duplicates.pairs(HR).items
    return pair


@pytest.fixture
def pair(inventory: Inventory, stored: Check) -> PairView:
    """Two working persons of one name and birth date, with other numbers."""
    stored(person(1), person(2), person(3, **OTHER))
    inventory.duplicates.find()
    return only_pair(inventory)


@both_databases
@pytest.mark.parametrize(
    ("first", "second", "likenesses", "other_number"),
    [
        (SHARED | LEFT, SHARED | OTHER, [Likeness.ID_NUMBER], False),
        (LEFT, OTHER | {"Thư điện tử công vụ": "anhnt1@hanoi.gov.vn"}, [Likeness.EMAIL], True),
        ({}, {}, [Likeness.NAME_BIRTH], True),
        ({}, {"Họ và tên": "NGUYEN THI ANH"}, [Likeness.NAME_BIRTH], True),
        ({"Số CCCD": ""}, {}, [Likeness.NAME_BIRTH], False),
        ({"Số CCCD": "011185001"}, {}, [Likeness.NAME_BIRTH], False),
        (SHARED | LEFT, SHARED, [Likeness.ID_NUMBER, Likeness.NAME_BIRTH], False),
        ({}, OTHER, None, None),
        ({}, {"Ngày sinh": "16/03/1985"}, None, None),
        ({"Ngày sinh": ""}, {"Ngày sinh": ""}, None, None),
    ],
)
def test_what_makes_two_entries_look_like_one_person(
    inventory: Inventory,
    stored: Check,
    first: dict[str, str],
    second: dict[str, str],
    likenesses: list[Likeness] | None,
    other_number: bool | None,
) -> None:
    """The same number, the same address, or the same folded name and birth date."""
    stored(person(1, **first))
    stored(person(2, **second))
    assert inventory.duplicates.find() == (0 if likenesses is None else 1)
    assert inventory.duplicates.find() == 0, "the same is proposed once"
    pairs = inventory.duplicates.pairs(HR).items
    assert [list(pair.likenesses) for pair in pairs] == ([] if likenesses is None else [likenesses])
    assert [pair.has_other_number for pair in pairs] == (
        [] if likenesses is None else [other_number]
    )


def test_the_surest_come_first_page_by_page(inventory: Inventory, stored: Check) -> None:
    """A shared number before a shared address before a shared name with other numbers."""
    stored(person(1), person(2), person(3, **OTHER, **LEFT))
    stored(person(4, **{**OTHER, "Số CCCD": "001185000003", "Họ và tên": "Ai Khác Hẳn"}))
    stored(person(5, **{"Số CCCD": ""}))
    assert inventory.duplicates.find() == 4
    seen: list[tuple[str, str]] = []
    after = None
    while True:
        page = inventory.duplicates.pairs(HR, after=after, limit=1)
        seen += [(pair.first.code[-1], pair.second.code[-1]) for pair in page.items]
        if (after := page.next) is None:
            break
    assert seen[0] == ("3", "4")
    assert seen[-1] == ("1", "2"), "their numbers say that they are two"
    assert len(set(seen)) == len(seen) == 4


@pytest.mark.parametrize("token", ["", "x", "1", "1.x", "-1.2", "1." + "9" * 20])
def test_a_forged_page_token_is_refused(inventory: Inventory, token: str) -> None:
    with pytest.raises(Invalid):
        inventory.duplicates.pairs(HR, after=token)


def test_a_proposal_lapses_when_what_it_rested_on_is_corrected(
    inventory: Inventory, pair: PairView, stored: Check
) -> None:
    """And comes again when it is so again."""
    stored(person(2, **{"Ngày sinh": "16/03/1985"}))
    assert inventory.duplicates.find({pair.second.id}) == 0
    assert inventory.duplicates.pairs(HR).items == ()
    stored(person(2))
    inventory.duplicates.find({pair.second.id})
    assert only_pair(inventory).id == pair.id


@both_databases
def test_a_merged_person_leaves_lists_and_counts_from_that_day(
    inventory: Inventory, pair: PairView, clock: StandingClock, audit: Audit
) -> None:
    """The entry and its history stay; who survives counts for both."""
    first, second = pair.first.id, pair.second.id
    clock.move(timedelta(days=5))
    merged = inventory.duplicates.merge(HR, pair.id, pair.first.code)
    assert merged.state == "merged"
    assert merged.survivor is not None
    assert merged.survivor.id == first
    assert second in counted(clock.today() - timedelta(days=1))
    assert counted(clock.today()) == {first, id_of("HN000003")}
    assert [p.code for p in inventory.people(HR).items] == ["HN000001", "HN000003"]
    assert inventory.count_people(HR) == 2
    assert list(inventory.people_by_codes(HR, ["HN000002"])) == []
    assert inventory.person_of(HR, "HN000002").merged_into_id == first
    assert survivors([first, second]) == {first: first, second: first}
    assert families([first]) == families([second]) == {first: first, second: first}
    event = next(e for e in audit.events() if e.action == "person.merged")
    assert (event.subject, event.actor) == ("person:HN000002", HR.name)
    assert inventory.duplicates.find() == 0


def test_merging_is_taken_back(inventory: Inventory, pair: PairView, clock: StandingClock) -> None:
    """Two persons again, counted from that day; the pair is a proposal as before."""
    inventory.duplicates.merge(HR, pair.id, pair.first.code)
    clock.move(timedelta(days=3))
    inventory.duplicates.take_back(HR, pair.id)
    assert inventory.count_people(HR) == 3
    assert pair.second.id in counted(clock.today())
    assert pair.second.id not in counted(clock.today() - timedelta(days=1))
    assert only_pair(inventory).state == "proposed"
    assert survivors([pair.second.id]) == {pair.second.id: pair.second.id}


def test_taken_back_on_the_same_day_nothing_remains_of_it(
    inventory: Inventory, pair: PairView, clock: StandingClock
) -> None:
    """A slip costs no period."""
    periods = len(inventory.history_of(pair.second.id))
    inventory.duplicates.merge(HR, pair.id, pair.first.code)
    inventory.duplicates.take_back(HR, pair.id)
    assert len(inventory.history_of(pair.second.id)) == periods
    assert pair.second.id in counted(clock.today())


def test_people_merged_one_after_the_other_have_one_survivor(
    inventory: Inventory, pair: PairView
) -> None:
    """And taking back the last merger leaves the first one standing."""
    first, second, third = (id_of(f"HN00000{n}") for n in (1, 2, 3))
    inventory.duplicates.merge(HR, pair.id, "HN000001")
    other = inventory.duplicates.pair_with(HR, "hn000001", "HN000003")
    inventory.duplicates.merge(HR, other.id, "HN000003")
    assert survivors([first, second]) == {first: third, second: third}
    assert set(families([second])) == {first, second, third}
    inventory.duplicates.take_back(HR, other.id)
    assert survivors([second]) == {second: first}
    assert families([third]) == {third: third}


def test_kept_apart_is_not_proposed_again_until_reconsidered(
    inventory: Inventory, pair: PairView
) -> None:
    """Namesakes born on one day exist."""
    inventory.duplicates.keep_apart(HR, pair.id)
    assert inventory.duplicates.find() == 0
    assert inventory.duplicates.pairs(HR).items == ()
    (decided,) = inventory.duplicates.pairs(HR, are_decided=True).items
    assert (decided.state, decided.decided_by) == ("kept_apart", HR.name)
    inventory.duplicates.take_back(HR, pair.id)
    assert only_pair(inventory).state == "proposed"


def test_refusals(inventory: Inventory, pair: PairView) -> None:
    """Each leaves everything as it was."""
    with pytest.raises(Invalid, match="giữ lại"):
        inventory.duplicates.merge(HR, pair.id, "HN000003")
    with pytest.raises(Conflict):
        inventory.duplicates.take_back(HR, pair.id)
    with pytest.raises(NotFound):
        inventory.duplicates.merge(HR, 999, "HN000001")
    with pytest.raises(Invalid, match="khác nhau"):
        inventory.duplicates.pair_with(HR, "HN000001", "HN000001")
    with pytest.raises(NotFound):
        inventory.duplicates.pair_with(HR, "HN000001", "HN999999")
    inventory.duplicates.merge(HR, pair.id, "HN000001")
    with pytest.raises(Conflict):
        inventory.duplicates.merge(HR, pair.id, "HN000001")
    with pytest.raises(Conflict):
        inventory.duplicates.keep_apart(HR, pair.id)
    late = inventory.duplicates.pair_with(HR, "HN000002", "HN000003")
    with pytest.raises(Conflict):
        inventory.duplicates.merge(HR, late.id, "HN000003")


def test_who_comes_back_must_still_own_number_and_address(
    inventory: Inventory, pair: PairView, stored: Check
) -> None:
    """The survivor got the address meanwhile; two active persons cannot share it."""
    inventory.duplicates.merge(HR, pair.id, pair.first.code)
    stored(person(1, **{"Thư điện tử công vụ": "anhnt2@hanoi.gov.vn"}))
    with pytest.raises(Conflict, match="HN000001"):
        inventory.duplicates.take_back(HR, pair.id)
    stored(person(1))
    inventory.duplicates.take_back(HR, pair.id)


def test_a_roster_is_told_whose_code_to_use(
    inventory: Inventory, pair: PairView, check: Check
) -> None:
    """Of a merged person; the survivor's row goes in."""
    inventory.duplicates.merge(HR, pair.id, pair.first.code)
    plan = check(person(1, **{"Chức vụ": "Trưởng phòng"}), person(2)).plan
    assert (plan.changed, plan.error_rows) == (1, 1)
    assert "HN000001" in plan.errors[0].message


def test_only_who_may_correct_both_decides(inventory: Inventory, stored: Check) -> None:
    """A pair across units is the city's; an auditor sees none."""
    stored(person(1), person(2, **{"Đơn vị": "Phường Bạch Mai"}))
    inventory.duplicates.find()
    pair = only_pair(inventory)
    own = clerk(pair.first.unit_path)
    for actor in (own, clerk("", role=Role.AUDITOR), clerk("", role=Role.ADMIN)):
        assert inventory.duplicates.pairs(actor).items == ()
        with pytest.raises(NotFound):
            inventory.duplicates.merge(actor, pair.id, pair.first.code)
    release()
    both = clerk(pair.first.unit_path, pair.second.unit_path)
    assert len(inventory.duplicates.pairs(both).items) == 1


def test_a_decision_is_taken_back_for_its_own_two_alone(
    inventory: Inventory, pair: PairView
) -> None:
    """What was decided about one of them and a third person stands, whatever it was."""
    first, second, third = (id_of(f"HN00000{n}") for n in (1, 2, 3))
    inventory.duplicates.merge(HR, pair.id, "HN000001")
    apart = inventory.duplicates.pair_with(HR, "HN000001", "HN000003")
    inventory.duplicates.keep_apart(HR, apart.id)
    fourth = inventory.duplicates.pair_with(HR, "HN000002", "HN000003")
    kept = inventory.duplicates.keep_apart(HR, fourth.id)
    assert kept.survivor is None, "the second is merged, but not into the third"
    inventory.duplicates.take_back(HR, fourth.id)
    assert survivors([second]) == {second: first}
    inventory.duplicates.take_back(HR, apart.id)
    later = inventory.duplicates.pair_with(HR, "HN000001", "HN000003")
    inventory.duplicates.merge(HR, later.id, "HN000003")
    shown = inventory.duplicates.pair_of(HR, pair.id)
    assert shown.survivor is not None
    assert shown.survivor.id == first, "whoever survived may have been merged since"
    inventory.duplicates.take_back(HR, pair.id)
    assert survivors([first, second]) == {first: third, second: second}
