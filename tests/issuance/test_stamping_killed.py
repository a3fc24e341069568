"""kill -9 while a document is signed to last, and while an archive is stamped again."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from signer.accounts import Actor, Role
from signer.config import Settings
from signer.db import db
from signer.dossiers.views import DocumentView
from signer.services import Services
from signer.signing.models import Signature
from signer.signing.validation import VerdictClass
from tests.conftest import installed
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.issuance.house import House, commits, count_events, start_again
from tests.issuance.killed_child import BOX, PIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"


@pytest.fixture
def settings(tmp_path: Path, token_home: Path, pki: Path, database_url: str) -> Settings:
    """An installation that archives."""
    return installed(tmp_path, token_home, pki, database_url, signature_level="b-lta")


@pytest.fixture
def waiting(services: Services, city: City, role_signers: object) -> tuple[Actor, DocumentView]:
    """Somebody, and the document that waits for them."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=date(2026, 12, 1),
        files=[("QD.pdf", DECISION)],
        signers=[person.code],
    )
    (document,) = services.dossiers.inbox(actor)
    return actor, document


def _sign(rooms: Services, actor: Actor, document: DocumentView) -> DocumentView:
    return rooms.dossiers.sign(
        actor,
        document.id,
        pin=PIN,
        page=1,
        box=BOX,
        shown_sha256=document.sha256,
        unseen=True,
    )


def _stamps(rooms: Services, sha256: str, folder: Path) -> int:
    """How many archive stamps the file has, in which every signature is valid."""
    file = folder / "judged.pdf"
    file.write_bytes(rooms.files.get(sha256))
    verdict = rooms.signing.verify(file)
    assert verdict.verdict is VerdictClass.VALID, verdict.to_json()
    assert len([one for one in verdict.signatures if one.kind == "signature"]) == 1
    return len([one for one in verdict.signatures if one.kind != "signature"])


@both_databases
def test_signing_to_last(
    house: House, services: Services, waiting: tuple[Actor, DocumentView], tmp_path: Path
) -> None:
    """Asked again, one signature with one archive stamp, whatever was lost."""
    actor, document = waiting
    act = {
        "level": "b-lta",
        "signer": actor.name,
        "document_id": document.id,
        "shown_sha256": document.sha256,
    }
    points = house.boundaries("sign", **act)
    assert commits(points) >= 4  # intent, try counted, tries given back, outcome
    for point in points:
        with house.killed("sign", point, **act) as rooms:
            start_again(rooms)
            done = _sign(rooms, actor, document)
            assert (done.state, [version.number for version in done.versions]) == ("signed", [0, 1])
            (signature,) = db.session.scalars(select(Signature)).all()
            assert (signature.state, signature.level) == ("done", "b-lta")
            assert _stamps(rooms, done.sha256, tmp_path) == 1
            assert count_events("document.signed") == 1


@both_databases
def test_stamping_again(
    house: House, services: Services, waiting: tuple[Actor, DocumentView], tmp_path: Path
) -> None:
    """The next start finishes the job: two archive stamps, never three."""
    actor, document = waiting
    _sign(services, actor, document)
    act = {"level": "b-lta"}
    points = house.boundaries("restamp", **act)
    assert commits(points) >= 3  # the job, its claim, the stamp
    for point in points:
        with house.killed("restamp", point, **act) as rooms:
            start_again(rooms)
            found = rooms.dossiers.document_of(actor, document.id)
            if point == ("before commit", 1):  # nothing was ordered yet
                assert [version.number for version in found.versions] == [0, 1]
                continue
            assert [version.number for version in found.versions] == [0, 1, 2]
            assert _stamps(rooms, found.sha256, tmp_path) == 2
            assert count_events("document.restamped") == 1
