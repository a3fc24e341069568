"""Ending, holding and renewing certificates as an HR officer types it."""

import io
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from signer.cli import EX_USAGE
from signer.cli.console import _
from signer.cli.revoking import names_in
from signer.clock import HANOI
from signer.db import db, release, transaction
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.services import Services
from tests.cli.conftest import Typed
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import City

PAPER = ("--ground", "retired", "--document", "125/QĐ-UBND")
_LIFE_DAYS = 1825
"""The validity of the profile personal-signature (certs/profiles.toml)."""


@pytest.fixture
def people(city: City) -> list[Person]:
    """Three people of the ward with a certificate each."""
    return city.certified(3)


def _codes(people: Sequence[Person]) -> list[str]:
    return [person.code for person in people]


def _states(services: Services, people: Sequence[Person]) -> list[str]:
    release()
    found = services.issuance.states_of([person.id for person in people])
    return [found[person.id].state for person in people]


@both_databases
def test_what_will_happen_is_shown_and_nothing_done_without_a_yes(
    signer: Typed, services: Services, people: list[Person]
) -> None:
    """ "No" and silence stop with 130, a dry run with 0; "yes" does what was shown."""
    wish = ("revoke", people[0].email, *PAPER, "--as", "huong")
    _out, shown = signer(*wish, code=130, answer="n\n")
    for said in (people[0].code, people[0].full_name, _("Nghỉ hưu"), _("Đã thu hồi")):
        assert said in shown
    assert signer(*wish, code=130)[0] == ""
    seen, _err = signer(*wish, "--dry-run")
    assert people[0].full_name in seen
    [preview] = json.loads(signer(*wish, "--dry-run", "--json")[0])
    assert (preview["act"], preview["ground"], preview["can_be_undone"]) == (
        "revoke",
        "retired",
        False,
    )
    assert [(line["code"], line["becomes"]) for line in preview["persons"]] == [
        (people[0].code, "revoked")
    ]
    assert _states(services, people) == ["ready"] * 3
    done = json.loads(signer(*wish, "--json", answer="y\n")[0])
    assert done == {"done": 1, "waiting": 0, "job": None, "refused": []}
    assert _states(services, people) == ["revoked", "ready", "ready"]
    (act,) = services.issuance.revoking.history(services.accounts.actor_of("huong"))
    assert (act.ground, act.document_ref, act.decided_by) == ("retired", "125/QĐ-UBND", "huong")


def test_a_suspension_is_released(signer: Typed, services: Services, people: list[Person]) -> None:
    """An exposed key needs no paper; a release no ground."""
    codes = _codes(people)
    signer("suspend", *codes, "--ground", "key_exposed", "--as", "huong", "--yes")
    assert _states(services, people) == ["suspended"] * 3
    signer("release", codes[0], "--as", "huong", answer="y\n")
    signer("release", codes[0], "--as", "huong", "--yes", code=1)
    assert _states(services, people) == ["ready", "suspended", "suspended"]


def test_a_long_list_from_a_file_is_worked_off_at_once(
    signer: Typed, services: Services, city: City, tmp_path: Path
) -> None:
    """A CSV of Excel; who is nobody is named, the others go on, and the exit code is 1."""
    people = city.certified(22)
    file = tmp_path / "list.csv"
    lines = ["Mã CB;Họ và tên", *(f"{p.code};{p.full_name}" for p in people), "KHONG9;Không ai"]
    file.write_text("\r\n".join(lines), encoding="utf-8-sig")
    wish = ("revoke", "--from-file", file, *PAPER, "--as", "huong", "--yes", "--json")
    done = json.loads(signer(*wish, code=1)[0])
    assert (done["done"], done["waiting"]) == (22, 0)
    assert done["job"] is not None
    assert [refused["code"] for refused in done["refused"]] == ["KHONG9"]
    assert _states(services, people) == ["revoked"] * 22


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("T1\nT2\n", ["T1", "T2"]),
        ("Mã\tTên\nT1\tLan\n\n", ["T1"]),
        ('"T1";Lan\r\nt2@hanoi.gov.vn,Hoa', ["T1", "t2@hanoi.gov.vn"]),
        ("T1\nkhông ai\n", ["T1", "không ai"]),
        ("", []),
    ],
)
def test_the_first_column_of_a_list_counts(text: str, names: list[str]) -> None:
    """A heading is left out; a line that names nobody is not, so that it is refused aloud."""
    assert names_in(io.StringIO(text)) == names


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("revoke", "T00001", "--as", "huong", "--yes"), 1, "căn cứ"),
        (("revoke", "T00001", "--ground", "retired", "--as", "huong", "--yes"), 1, "văn bản"),
        (("revoke", "T00001", "--ground", "bored", "--as", "huong"), EX_USAGE, "bored"),
        (("suspend", "T00001", *PAPER, "--as", "huong"), EX_USAGE, "retired"),
        (("release", "T00001", "--ground", "retired", "--as", "huong"), EX_USAGE, "--ground"),
        (("revoke", "T00001", *PAPER), EX_USAGE, "--as"),
        (("revoke", *PAPER, "--as", "huong"), 1, "ít nhất một người"),
        (("revoke", "T00001", *PAPER, "--as", "khong-co"), 1, "khong-co"),
        (("revoke", "T00001", *PAPER, "--as", "lanh-dao"), 1, "không có quyền"),
        (("revoke", "T00001", *PAPER, "--as", "xa", "--yes"), 1, "Không tìm thấy"),
        (("release", "T00001", "--as", "huong"), 1, "không ở trạng thái tạm dừng"),
        (("draft", "carry-out", "99", *PAPER, "--as", "huong"), 1, "99"),
        (("draft", "dismiss", "99", "--reason", "Nhầm", "--as", "huong"), 1, "99"),
        (("draft", "dismiss", "99", "--reason", "Nhầm", "--as", "lanh-dao"), 1, "quyền"),
        (("expiring", "--unit", "99999"), 1, "99999"),
        (("expiring", "--within", "0"), EX_USAGE, "--within"),
        (("request", "create", "T00001", "--kind", "renew", "--as", "huong"), 1, "gia hạn"),
        (("request", "create", "T00001", "--kind", "bored", "--as", "huong"), EX_USAGE, "bored"),
    ],
    ids=str,
)
def test_a_refusal_is_a_sentence_and_an_exit_code_and_changes_nothing(
    signer: Typed,
    services: Services,
    people: list[Person],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """Before anybody is asked to agree, and with the other people's certificates untouched."""
    _out, err = signer(*words, code=code)
    assert said in err
    assert _states(services, people) == ["ready"] * 3


def test_a_file_that_is_no_text_is_refused(
    signer: Typed, people: list[Person], tmp_path: Path
) -> None:
    """A workbook is not a list of lines."""
    file = tmp_path / "list.csv"
    file.write_bytes(b"PK\x03\x04\xff\xfe\x00")
    wish = ("revoke", "--from-file", file, *PAPER, "--as", "huong")
    assert _("Tệp danh sách phải là văn bản UTF-8.") in signer(*wish, code=1)[1]


@both_databases
def test_drafts_are_listed_carried_out_and_dismissed(
    signer: Typed, services: Services, people: list[Person], clock: StandingClock
) -> None:
    """What the roster asks, with the word of an officer on each."""
    clock.move(timedelta(days=1))
    facts = {"state": PersonState.RETIRED, "state_since": clock.now().date()}
    with transaction():
        db.session.execute(update(Person).values(updated_at=clock.now(), **facts))
    assert services.issuance.revoking.sweep() == 3
    drafts = json.loads(signer("draft", "list", "--json")[0])
    assert [(d["code"], d["act"], d["ground"]) for d in drafts] == [
        (code, "revoke", "retired") for code in reversed(_codes(people))
    ]
    assert people[0].full_name in signer("draft", "list")[0]
    third, second, first = (draft["id"] for draft in drafts)
    word = ("draft", "carry-out", first, second, *PAPER, "--as", "huong")
    assert people[0].full_name in signer(*word, code=130)[1]
    assert _states(services, people) == ["ready"] * 3
    assert json.loads(signer(*word, "--yes", "--json")[0])["done"] == 2
    dismissal = ("draft", "dismiss", third, "--as", "huong", "--reason")
    signer(*dismissal, " ", code=1)
    signer(*dismissal, "Được kéo dài thời gian công tác")
    signer(*dismissal, "Nhầm", code=1)
    assert json.loads(signer("draft", "list", "--json")[0]) == []
    assert _states(services, people) == ["revoked", "revoked", "ready"]


@both_databases
def test_what_runs_out_is_listed_and_renewed(
    signer: Typed, services: Services, people: list[Person], clock: StandingClock
) -> None:
    """Listed, asked for, approved, issued: not listed any more."""
    assert json.loads(signer("expiring", "--json")[0]) == []
    clock.move(timedelta(days=_LIFE_DAYS - 50))
    found = json.loads(signer("expiring", "--within", 60, "--json")[0])
    assert [(row["code"], row["days_left"], row["may_renew"]) for row in found] == [
        (code, 49, True) for code in _codes(people)
    ]
    made = json.loads(
        signer(
            *("request", "create", people[0].email, people[1].code, "--kind", "renew"),
            *("--as", "huong", "--json"),
        )[0]
    )
    assert made["persons"] == 2
    (listed,) = json.loads(signer("request", "list", "--state", "pending", "--json")[0])
    assert (listed["id"], listed["kind"]) == (made["id"], "renew")
    assert _("Đã có trong một đề nghị khác chưa giải quyết xong.") in signer("expiring")[0]
    signer("request", "approve", made["id"], "--as", "lanh-dao")
    assert json.loads(signer("issue", "--json")[0])["issued"] == 2
    left = json.loads(signer("expiring", "--json")[0])
    assert [row["code"] for row in left] == [people[2].code]


def test_a_day_is_hanois_day(signer: Typed, city: City, clock: StandingClock) -> None:
    """What ends at one in the morning in Hanoi ends on that day, not on the eve as in UTC."""
    clock.move(timedelta(hours=16))
    city.certified(1)
    clock.move(timedelta(days=_LIFE_DAYS - 50))
    (told,) = json.loads(signer("expiring", "--json")[0])
    end = datetime.fromisoformat(told["not_after"])
    assert end.astimezone(HANOI).day != end.day
    assert f"{end.astimezone(HANOI):%d/%m/%Y}" in signer("expiring")[0]
