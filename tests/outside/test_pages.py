"""A clerk's way with certificates from outside, through the pages, the API and the commands."""

import csv
import io
from pathlib import Path

import pytest
from flask import Flask

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.outside.service import Tab
from signer.services import Services
from tests.clocks import StandingClock
from tests.factories import WARD, City
from tests.outside.bringing import brought, cer, listed, p7b
from tests.outside.fake_vgca import Generation, forged, person_dn
from tests.outside.test_import import BA_DINH, _row
from tests.web.visitor import Visitor

pytestmark = pytest.mark.doors
EVIL = "=HYPERLINK(1)"


@pytest.fixture
def clerk(app: Flask, city: City) -> Visitor:
    return Visitor(app).log_in(city.account("clerk", Role.HR, WARD))


def _sent(file: Path) -> tuple[io.BytesIO, str]:
    return io.BytesIO(file.read_bytes()), file.name


def test_from_a_file_to_a_decision(
    clerk: Visitor, services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """Upload, see what it would do, store it, confirm the proposal, take it back."""
    sure, maybe = city.people(2)
    file = p7b(
        tmp_path,
        g2.sub.certify(person_dn(sure.full_name, sure.email, BA_DINH)),
        g2.sub.certify(person_dn(maybe.full_name, None, BA_DINH)),
        forged(g2.sub).certify(person_dn("Vũ Văn Lạ", "la@la.vn"), serial=5),
    )
    answer = clerk.post("/outside/import", {"file": _sent(file), "carrier": "token"})
    found = clerk.get(answer.location)
    assert "Trần Thị Bình" in found.text
    assert "không phải chuyên dùng công vụ" in found.text
    assert services.outside.page(SYSTEM).items == ()
    release()
    stored = clerk.post(f"{answer.location}/apply", {}, form_at=answer.location)
    assert "Đã ghi lúc" in clerk.get(stored.location).text

    waiting = clerk.get("/outside", tab="proposed")
    [view] = services.outside.page(SYSTEM, Tab.PROPOSED).items
    assert maybe.full_name in waiting.text
    release()
    nothing = clerk.post("/outside/confirm", {}, form_at="/outside?tab=proposed")
    assert nothing.status_code == 400
    clerk.post(
        "/outside/confirm", {"certificate": str(view.row.id)}, form_at="/outside?tab=proposed"
    )
    shown = clerk.get(f"/outside/{view.row.id}")
    assert "Đã xác nhận" in shown.text
    page = f"/outside/{view.row.id}"
    clerk.post(f"{page}/reject", {}, form_at=page)
    wrong = clerk.post(f"{page}/assign", {"person": "KHONG-CO"}, form_at=page)
    assert wrong.status_code == 400
    clerk.post(f"{page}/assign", {"person": maybe.code}, form_at=page)
    release()
    assert services.outside.certificate_of(SYSTEM, view.row.id).person_code == maybe.code


def test_refusals_are_shown_at_the_form(clerk: Visitor, city: City, tmp_path: Path) -> None:
    """Nothing chosen, no certificate, a list without its issuer."""
    [person] = city.people(1)
    rubbish = tmp_path / "x.cer"
    rubbish.write_bytes(b"\x30\x00")
    listing = listed(tmp_path, _row("01", person))
    for fields in ({}, {"file": _sent(rubbish)}, {"file": _sent(listing), "issuer": ""}):
        answer = clerk.post("/outside/import", fields)
        assert answer.status_code == 400
        assert 'id="errors"' in answer.text


def test_a_list_leaves_as_it_is_shown(
    clerk: Visitor, services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """Every row of the filter, in CSV and Excel; a name is no formula."""
    leaves = [g2.sub.certify(person_dn(name, None)) for name in (EVIL, "Nguyễn Văn An")]
    actor = services.accounts.actor_of("clerk")
    brought(services, p7b(tmp_path, *leaves), actor)
    answer = clerk.get("/outside.csv")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row[1] for row in rows[1:]] == ["Nguyễn Văn An", f"'{EVIL}"]
    assert clerk.get("/outside.xlsx", q="nguyen van").data.startswith(b"PK")


def test_the_city_brings_revocation_lists(
    app: Flask,
    clerk: Visitor,
    services: Services,
    city: City,
    g2: Generation,
    clock: StandingClock,
    tmp_path: Path,
) -> None:
    """A ward's clerk sees how things stand and has no form; the administrator has."""
    file = tmp_path / "g2.crl"
    file.write_bytes(g2.sub.crl(clock.now()))
    assert 'type="file"' not in clerk.get("/outside/status").text
    admin = Visitor(app).log_in(city.account("root", Role.ADMIN, None))
    answer = admin.post("/outside/status", {"file": _sent(file)})
    assert answer.status_code == 302
    assert services.outside.following.crls()[0].anchor == "VGCA G2"
    assert admin.post("/outside/status/ask", {}, form_at="/outside/status").status_code == 400


def test_the_api_does_the_same(
    app: Flask, services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """Check, apply, list, assign and take back, by a token."""
    [person] = city.people(1)
    file = cer(tmp_path, g2.sub.certify(person_dn(person.full_name, None, BA_DINH)))
    name, password = city.account("robot", Role.HR, WARD)
    token = services.accounts.log_in(name, password, address="")
    client = app.test_client()
    head = {"Authorization": f"Bearer {token}"}
    made = client.post("/api/v1/outside-imports", data={"file": _sent(file)}, headers=head)
    assert made.status_code == 201, made.text
    assert made.json is not None
    assert made.json["counts"]["proposed"] == 1
    address = f"/api/v1/outside-imports/{made.json['id']}"
    assert client.post(f"{address}/apply", headers=head).status_code == 200
    page = client.get("/api/v1/outside-certificates?tab=proposed", headers=head).json
    assert page is not None
    [found] = page["certificates"]
    assert (found["match"], found["person"]) == ("proposed", person.code)
    owner = f"/api/v1/outside-certificates/{found['id']}/owner"
    taken = client.post(owner, json={"person": None}, headers=head)
    assert taken.json is not None
    assert taken.json["match"] == "rejected"
    given = client.post(owner, json={"person": person.code}, headers=head)
    assert given.json is not None
    assert given.json["match"] == "confirmed"
