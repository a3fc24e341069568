"""The public check through the API: a file, a hash, the XML report, a receipt."""

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

from signer.accounts import SYSTEM, Role
from signer.dossiers.receipts import MEDIA_TYPE
from signer.dossiers.views import DocumentView
from signer.services import Services
from signer.signing.geometry import Box
from tests.api.conftest import Caller
from tests.factories import OTHER_WARD, WARD, City

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"


@pytest.fixture
def signed(services: Services, city: City, role_signers: list[Path]) -> DocumentView:
    """A decision that its one signer signed."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    dossier_id = services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định",
        unit_code=WARD,
        due_on=None,
        files=[(DECISION.name, DECISION)],
        signers=[person.code],
    )
    document = services.dossiers.dossier_of(SYSTEM, dossier_id).documents[0]
    services.dossiers.note_shown(actor, document.id, document.sha256)
    return services.dossiers.sign(
        actor,
        document.id,
        pin=PIN,
        page=1,
        box=Box(x0=300, y0=60, x1=480, y1=120),
        shown_sha256=document.sha256,
    )


def checked(caller: Caller, content: bytes, **fields: object) -> dict:
    """The verdict on that file."""
    data = {"file": (io.BytesIO(content), "a.pdf"), **fields}
    answer = caller.post("verify", data=data, content_type="multipart/form-data")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_file_and_its_hash_have_the_same_verdict(
    nobody: Caller, services: Services, signed: DocumentView
) -> None:
    """Nobody needs an account; every fact of the verdict is there, in the caller's language."""
    by_file = checked(nobody, services.files.get(signed.sha256))
    by_hash = nobody.get(f"verify/{signed.sha256}").json
    assert by_file == by_hash
    assert by_file["sha256"] == signed.sha256
    assert by_file["signatures"][0]["signer"] == "Trần Thị Bình"
    assert by_file["signatures"][0]["ades_indication"]
    english = nobody.get(f"verify/{signed.sha256}", headers={"Accept-Language": "en"}).json
    assert english["sentence"] != by_hash["sentence"]
    assert {**english, "sentence": "", "signatures": []} == {
        **by_hash,
        "sentence": "",
        "signatures": [],
    }


def test_the_xml_report_comes_when_it_is_asked_for(
    nobody: Caller, services: Services, signed: DocumentView
) -> None:
    """By file and by hash."""
    asked = checked(nobody, services.files.get(signed.sha256), report="true")
    again = nobody.get(f"verify/{signed.sha256}?report=true").json
    for answer in (asked, again):
        root = ElementTree.fromstring(answer["report"])
        assert len(root) == len(answer["signatures"]) + 1  # and the list of certificates
    assert "report" not in nobody.get(f"verify/{signed.sha256}").json
    refused = nobody.post(
        "verify",
        data={"file": (io.BytesIO(DECISION.read_bytes()), "a.pdf"), "report": "true"},
        content_type="multipart/form-data",
    )
    assert refused.status_code == 422  # a document without a signature has no such report


@pytest.mark.parametrize("sha256", ["0" * 64, "x", "%00", "a" * 5000])
def test_what_was_not_signed_here_is_not_found(nobody: Caller, sha256: str) -> None:
    """Whatever stands in the address."""
    assert nobody.get(f"verify/{sha256}").status_code in (400, 404)


def test_the_receipt_is_for_those_who_see_the_document(
    nobody: Caller, city: City, signed: DocumentView
) -> None:
    """401 without a token, 404 from another ward."""
    path = f"documents/{signed.id}/receipt"
    assert nobody.get(path).status_code == 401
    other = nobody.log_in(*city.account("other", Role.HR, OTHER_WARD))
    assert other.get(path).status_code == 404
    here = nobody.log_in(*city.account("here", Role.HR))
    answer = here.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == MEDIA_TYPE
    assert answer.data.startswith(b"PK")
