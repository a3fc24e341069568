"""Who reads the record."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

import signer
from signer.accounts import Role
from signer.campaigns.kinds import CAUSE_NAMES as LACK_NAMES
from signer.campaigns.kinds import LackCause
from signer.issuance.grounds import GROUNDS, Ground
from signer.web.audit import told_of
from signer.web.audit_words import ACTION_NAMES, DETAIL_NAMES
from tests.factories import OTHER_WARD, City
from tests.web.visitor import Visitor

_RECORDING = {"record", "_record", "_keep", "_event", "Happening"}


def _recordings() -> Iterator[tuple[str, ast.Call]]:
    """The actions that the rooms record, as far as they are written out, and where."""
    for file in Path(signer.__file__).parent.rglob("*.py"):
        calls = (
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
        )
        for call in calls:
            if getattr(call.func, "attr", getattr(call.func, "id", "")) in _RECORDING:
                for told in (*call.args, *(keyword.value for keyword in call.keywords)):
                    value = getattr(told, "value", None)
                    if isinstance(value, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", value):
                        yield value, call


def test_every_act_has_words() -> None:
    """Whoever watches over the city reads sentences, not codes."""
    actions = {action for action, _ in _recordings()}
    assert len(actions) > 50
    assert actions - ACTION_NAMES.keys() == set()


def test_every_detail_of_an_act_has_a_name() -> None:
    names = {word.arg for _, call in _recordings() for word in call.keywords if word.arg}
    names -= {"action", "subject", "details"}  # of a `Happening` itself
    assert len(names) > 40
    assert names - DETAIL_NAMES.keys() == set()


def test_details_are_told_in_words(app: Flask) -> None:
    """An import of twelve people names ten of them, and a change says from what to what."""
    with app.test_request_context():
        details: dict[str, object] = {
            "people": {f"T{n:05d}": "00004" for n in range(12)},
            "changes": {"email": ["a@x.vn", None], "mobile": "changed"},
            "valid": [None, "2026-01-01"],
            "note": "",
            "reason": "no_email",
            "ground": "device_lost",
            "view": "somewhere",
            "decision": "2026-13-45",
            "revoked_at": "2026-11-23T16:56:33+00:00",
            "counted": False,
        }
        told = dict(told_of(details))
    assert told["Người"].startswith("T00000 00004, T00001 00004, ")
    assert told["Người"].endswith("và 2 mục khác")
    assert told["Thay đổi"] == "Thư điện tử a@x.vn → —, Điện thoại đã đổi"
    assert told["Hiệu lực"] == "—, 01/01/2026"
    assert told["Tính vào tổng số"] == "không"
    assert (told["Quyết định"], told["Thời điểm"]) == ("2026-13-45", "23/11/2026 23:56")
    assert told["Lý do"] == LACK_NAMES[LackCause.NO_EMAIL]
    assert told["Căn cứ"] == GROUNDS[Ground.DEVICE_LOST].label
    assert told["Danh sách"] == "somewhere"
    assert "Ghi chú" not in told


def test_the_citys_record_is_for_the_citys_auditors(app: Flask, city: City) -> None:
    """It is one chain over all units, so a ward's auditor or administrator does not open it."""
    city.people(1, unit=OTHER_WARD)
    for role in (Role.AUDITOR, Role.ADMIN):
        of_a_ward = Visitor(app).log_in(city.account(f"{role}-w", role))
        assert of_a_ward.get("/audit").status_code == 403
        assert 'href="/audit"' not in of_a_ward.get("/").text
        of_the_city = Visitor(app).log_in(city.account(f"{role}-c", role, None))
        assert of_the_city.get("/audit").status_code == 200
        assert 'href="/audit"' in of_the_city.get("/").text


def test_a_persons_events_are_for_auditors_of_the_unit(app: Flask, city: City) -> None:
    """The page of a person shows them where the unit is one's own."""
    (person,) = city.certified(1)
    auditor = Visitor(app).log_in(city.account("kt", Role.AUDITOR))
    assert "Cấp chứng thư cho cán bộ" in auditor.get(f"/people/{person.code}").text
