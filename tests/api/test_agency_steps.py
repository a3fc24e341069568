"""A body's seal through the API: asked for with the dossier, or later; the facts of its mark."""

from pathlib import Path

from signer.accounts import SYSTEM, Role
from signer.db import release
from tests.factories import WARD
from tests.sealing import SEAL_PIN, ready

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"


def test_a_copy_is_made_and_another_body_is_asked(nobody, city, services):
    """The proposal and the signature say which form of copy; a step is added and taken back."""
    (person,) = city.people(1)
    account = city.account(person.code.lower(), Role.SIGNER, None)
    keeper = services.accounts.actor_of(account[0])
    services.inventory.link_account(SYSTEM, person.id, keeper.account_id)
    ready(services, city, person, keeper)
    release()
    clerk = nobody.log_in(*city.account("clerk", Role.HR))
    with DECISION.open("rb") as file:
        data = {
            "title": "Sao y",
            "unit": WARD,
            "seal_kind": "copy",
            "seal_unit": WARD,
            "files": (file, "QD.pdf"),
        }
        made = clerk.post("dossiers", data=data, content_type="multipart/form-data")
    assert made.status_code == 201, made.text
    (paper,) = made.json["documents"]
    assert [(s["kind"], s["unit_code"]) for s in paper["steps"]] == [("copy", WARD)]
    caller = nobody.log_in(*account)
    assert caller.get("documents/1/proposal").status_code == 422  # which form of copy?
    place = caller.get("documents/1/proposal?copy_form=SAO Y")
    assert place.status_code == 200, place.text
    body = {
        "pin": SEAL_PIN,
        "page": 1,
        "box": list(place.json["box"].values()),
        "shown_sha256": paper["sha256"],
        "unseen": True,
    }
    assert caller.post("documents/1/sign", json=body).status_code == 422
    signed = caller.post("documents/1/sign", json=body | {"copy_form": "SAO Y"})
    assert signed.json["state"] == "signed", signed.text
    added = clerk.post("documents/1/agency-steps", json={"kind": "incoming", "unit": WARD})
    assert added.status_code == 201, added.text
    step = added.json["steps"][-1]["id"]
    taken = clerk.post(f"documents/1/agency-steps/{step}/take-back")
    assert taken.json["state"] == "signed"
    assert clerk.post(f"documents/1/agency-steps/{step}/take-back").status_code == 409
