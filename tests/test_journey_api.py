"""The one story, through the JSON door: messy roster → signed dossier → coverage figure."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from signer.accounts import SYSTEM, Role
from signer.db import db
from signer.inventory.models import Person
from signer.services import Services
from tests.factories import City

DATA = Path(__file__).parent / "data"
PIN = "hoa-sen-2026"


class Caller:
    """Somebody with a bearer token; every answer is checked for its status."""

    def __init__(self, client: FlaskClient, name: str, password: str) -> None:
        self._client = client
        answer = client.post("/api/v1/sessions", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        self._headers = {"Authorization": f"Bearer {answer.json['token']}"}  # type: ignore[index]

    def get(self, path: str, status: int = 200) -> TestResponse:
        answer = self._client.get(f"/api/v1{path}", headers=self._headers)
        answer.get_data()
        answer.close()
        assert answer.status_code == status, answer.text
        return answer

    def post(self, path: str, status: int = 200, **more: Any) -> Any:
        answer = self._client.post(f"/api/v1{path}", headers=self._headers, **more)
        assert answer.status_code == status, answer.text
        return answer.json


def test_from_a_messy_roster_to_a_signed_dossier(
    services: Services, city: City, tmp_path: Path
) -> None:
    """Each step as the office does it, by the person whose step it is."""
    from flask import current_app

    client = current_app.test_client()
    hr = Caller(client, *city.account("hr", Role.HR, None))
    head = Caller(client, *city.account("head", Role.APPROVER, None))

    before = hr.get("/coverage").json
    assert before["persons"] == 0

    # 1 the HR officer uploads the roster, sees what would happen, applies it
    roster = (DATA / "danh_sach_mau.xlsx").read_bytes()
    checked = hr.post(
        "/roster-imports", 201, data={"file": (io.BytesIO(roster), "danh_sach_mau.xlsx")}
    )
    assert (checked["rows"], checked["changed"], checked["same"]) == (300, 0, 0)
    refused_rows = {error["row"] for error in checked["errors"]}
    assert checked["new"] == 300 - len(refused_rows)
    receipt = hr.post(f"/roster-imports/{checked['id']}/apply")
    assert receipt["new"] == checked["new"]
    again = hr.post("/roster-imports", 201, data={"file": (io.BytesIO(roster), "lan hai.xlsx")})
    assert (again["new"], again["changed"], again["same"]) == (0, 0, checked["new"])

    # … sees who lacks a certificate and files one request for all of them
    made = hr.post(
        "/requests", 201, json={"unit": "HN", "lacking": True, "reason": "Cấp lần đầu theo chỉ đạo"}
    )
    without_mail = [r for r in made["refused"] if "thư điện tử" in r["reason"]]
    assert made["persons"] + len(made["refused"]) == checked["new"]
    assert without_mail
    assert len(made["refused"]) == len(without_mail)

    # 2 a second person approves; the requester cannot
    hr.post(f"/requests/{made['id']}/approve", 403, json={})
    job_id = head.post(f"/requests/{made['id']}/approve", json={"note": "Đồng ý"})["job_id"]
    services.jobs.run(services.job_handlers)
    progress = hr.get(f"/jobs/{job_id}").json
    assert (progress["state"], progress["done"]) == ("done", made["persons"])
    after = hr.get("/coverage").json
    assert after["covered"] == made["persons"]
    assert after["persons"] == checked["new"]

    # 3 an official sets a PIN, opens the dossier and signs at the proposed place
    person = db.session.scalars(select(Person).where(Person.email.is_not(None))).first()
    assert person is not None
    name, password = city.account("canbo", Role.SIGNER, None)
    account_id = services.accounts.actor_of(name).account_id
    assert account_id is not None
    services.inventory.link_account(SYSTEM, person.id, account_id)
    official = Caller(client, name, password)
    decision = (DATA / "pdf" / "quyet_dinh.pdf").read_bytes()
    dossier = hr.post(
        "/dossiers",
        201,
        data={
            "title": "Quyết định phê duyệt",
            "unit": "HN",
            "signers": person.code,
            "files": (io.BytesIO(decision), "quyet_dinh.pdf"),
        },
    )
    assert official.get("/me/key").json["state"] == "ready"
    official.post("/me/key/activate", json={"pin": PIN})
    (document,) = official.get("/me/documents").json
    assert document["dossier_id"] == dossier["id"]
    proposal = official.get(f"/documents/{document['id']}/proposal").json
    box = proposal["box"]
    body = {
        "page": proposal["page"],
        "box": [box["x0"], box["y0"], box["x1"], box["y1"]],
        "shown_sha256": document["sha256"],
    }
    wrong = official.post(f"/documents/{document['id']}/sign", 422, json=body | {"pin": "sai rồi"})
    assert "4" in json.dumps(wrong, ensure_ascii=False)
    signed = official.post(f"/documents/{document['id']}/sign", json=body | {"pin": PIN})
    assert signed["state"] == "signed"

    # 4 the signed PDF downloads, and anybody can check it, here and with other readers
    file = tmp_path / "signed.pdf"
    file.write_bytes(official.get(f"/documents/{document['id']}/file").data)
    verdict = client.post(
        "/api/v1/verify", data={"file": (io.BytesIO(file.read_bytes()), "signed.pdf")}
    ).json
    assert verdict is not None
    assert verdict["verdict"] == "valid"
    assert verdict["signatures"][0]["signer"] == person.full_name
    said = subprocess.run(["pdfsig", "-nocert", file], capture_output=True, text=True, check=False)
    assert "Signature is Valid." in said.stdout
    subprocess.run(["qpdf", "--check", file], capture_output=True, check=True)

    # 5 the record of all this is whole
    assert services.audit.verify() > made["persons"]
