"""A body's seal through the API, from the wish to its end, and what its keeper does with it."""

import io

import pytest

from signer.accounts import SYSTEM, Role
from signer.db import release
from tests.factories import OTHER_WARD, WARD
from tests.sealing import SEAL_MM, SEAL_PIN, seal_png

PAPER = {"document_ref": "01/GĐN-UBND"}


@pytest.fixture
def keeper(nobody, services, city):
    """T00001, a person of the ward with an account."""
    city.people(2)
    return _logged_in(nobody, services, city, "T00001")


def _logged_in(nobody, services, city, code):
    account = city.account(code.lower(), Role.SIGNER, None)
    person = services.inventory.person_of(SYSTEM, code)
    services.inventory.link_account(
        SYSTEM, person.id, services.accounts.actor_of(account[0]).account_id
    )
    release()
    return nobody.log_in(*account)


def _issued(clerk, head, services, made):
    assert made.status_code == 201, made.text
    assert made.json["state"] == "pending"
    address = f"seals/{made.json['id']}"
    assert clerk.post(f"{address}/approve", json={}).status_code == 403  # never one's own
    assert head.post(f"{address}/approve", json={"note": "Đồng ý"}).json["job_id"]
    services.jobs.run(services.job_handlers)
    return head.get(address).json


def test_from_the_wish_to_the_end(keeper, nobody, as_role, services, city):
    """Asked for, approved, made, given a PIN and an image, handed over, ended."""
    clerk, head = as_role(Role.HR), as_role(Role.APPROVER)
    wish = {"unit": WARD, "keeper": "T00001", **PAPER}
    first = _issued(clerk, head, services, clerk.post("seals", json=wish))
    assert (first["state"], first["keeper_code"], first["keeper_may_sign"]) == (
        *("ready", "T00001"),
        True,
    )
    assert first["certificate"]
    assert first["not_after"]
    (kept,) = keeper.get("me/seals").json
    assert (kept["unit_code"], kept["state"]) == (WARD, "ready")
    activated = keeper.post(f"me/seals/{WARD}/activate", json={"pin": SEAL_PIN})
    assert activated.json["state"] == "active", activated.text
    assert keeper.post(f"me/seals/{WARD}/activate", json={"pin": SEAL_PIN}).status_code == 404
    stored = keeper.post(f"me/seals/{WARD}/image", data=_image())
    assert stored.json["width_mm"] == SEAL_MM, stored.text
    assert stored.json["remarks"] == []
    assert keeper.get(f"me/seals/{WARD}/image/file").data.startswith(b"\x89PNG")

    other = _logged_in(nobody, services, city, "T00002")
    to = {"keeper": "T00002", "document_ref": "02/BBBG-UBND"}
    made = clerk.post(f"seals/{first['id']}/hand-over", json=to)
    second = _issued(clerk, head, services, made)
    assert second["state"] == "ready"
    assert head.get(f"seals/{first['id']}").json["state"] == "ended"
    assert keeper.get("me/seals").json == []
    assert [seal["state"] for seal in other.get("me/seals").json] == ["ready"]
    assert [seal["id"] for seal in clerk.get("seals").json] == [second["id"], first["id"]]

    paper = {"document_ref": "03/QĐ-UBND"}
    address = f"seals/{second['id']}/end"
    officer = as_role(Role.HR, None, "revoker")
    assert officer.post(address, json=paper | {"ground": "retired"}).status_code == 422
    ended = officer.post(address, json=paper | {"ground": "body_merged"})
    assert (ended.json["state"], ended.json["end_document_ref"]) == ("ended", "03/QĐ-UBND")
    assert officer.post(address, json=paper | {"ground": "body_merged"}).status_code == 409


def test_refused_and_taken_back(keeper, as_role):
    """Another wish may follow either; while one waits there is no second."""
    clerk, head = as_role(Role.HR), as_role(Role.APPROVER)
    wish = {"unit": WARD, "keeper": "T00001", **PAPER}
    first = clerk.post("seals", json=wish).json
    assert clerk.post("seals", json=wish).status_code == 409
    rejected = head.post(f"seals/{first['id']}/reject", json={"reason": "Thiếu văn bản"})
    assert (rejected.json["state"], rejected.json["note"]) == ("rejected", "Thiếu văn bản")
    second = clerk.post("seals", json=wish).json
    assert head.post(f"seals/{second['id']}/cancel").status_code == 403
    assert clerk.post(f"seals/{second['id']}/cancel").json["state"] == "cancelled"
    assert head.post(f"seals/{second['id']}/approve", json={}).status_code == 409


@pytest.mark.parametrize(
    ("spoiled", "status"),
    [
        ({"keeper": "T99999"}, 422),
        ({"document_ref": " "}, 422),
        ({"unit": OTHER_WARD}, 403),
        ({"unit": "XYZ"}, 404),
    ],
)
def test_what_cannot_be_asked(keeper, as_role, spoiled, status):
    """Each is refused, and nothing is stored."""
    clerk = as_role(Role.HR)
    wish = {"unit": WARD, "keeper": "T00001", **PAPER} | spoiled
    assert clerk.post("seals", json=wish).status_code == status
    assert clerk.get("seals").json == []


def test_whoever_does_not_keep_it_touches_nothing(keeper, nobody, as_role, services, city):
    """Not the PIN, not the image, and not the seal of another ward in a list."""
    clerk, head = as_role(Role.HR), as_role(Role.APPROVER)
    wish = {"unit": WARD, "keeper": "T00001", **PAPER}
    seal = _issued(clerk, head, services, clerk.post("seals", json=wish))
    other = _logged_in(nobody, services, city, "T00002")
    assert other.post(f"me/seals/{WARD}/activate", json={"pin": SEAL_PIN}).status_code == 404
    assert other.post(f"me/seals/{WARD}/image", data=_image()).status_code in (403, 404)
    assert other.get(f"me/seals/{WARD}/image/file").status_code in (403, 404)
    stranger = as_role(Role.HR, OTHER_WARD)
    assert stranger.get(f"seals/{seal['id']}").status_code == 404
    assert stranger.get("seals").json == []


def _image():
    return {
        "image": (io.BytesIO(seal_png()), "dau.png"),
        "width_mm": str(SEAL_MM),
        "height_mm": str(SEAL_MM),
    }
