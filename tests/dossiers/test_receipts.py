"""The receipt of a finished document: anybody can check it, and only its readers can ask for it."""

import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from signer.accounts import SYSTEM, Actor, Role
from signer.db import canonical_json, db, transaction
from signer.dossiers.models import DocumentVersion
from signer.dossiers.receipts import MEDIA_TYPE
from signer.errors import Conflict, NotFound
from signer.inventory.models import Person
from signer.services import Services
from signer.signing.geometry import Box
from tests.clocks import StandingClock
from tests.factories import OTHER_WARD, WARD, City

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"


@pytest.fixture
def people(role_signers: list[Path], city: City) -> list[Person]:
    """Two officials of the ward, each with a certificate."""
    return city.certified(2)


@pytest.fixture
def signers(services: Services, city: City, people: list[Person]) -> list[Actor]:
    """The accounts of the two, ready to sign."""
    actors = [city.signer_of(person) for person in people]
    for actor in actors:
        services.signing.activate(actor, PIN)
    return actors


@pytest.fixture
def document_id(services: Services, city: City, people: list[Person]) -> int:
    """A decision that waits for both of them."""
    dossier_id = services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định",
        unit_code=WARD,
        due_on=None,
        files=[(DECISION.name, DECISION)],
        signers=[person.code for person in people],
    )
    return services.dossiers.dossier_of(SYSTEM, dossier_id).documents[0].id


def sign(services: Services, actor: Actor, document_id: int) -> None:
    """The next signature."""
    shown = services.dossiers.document_of(actor, document_id).sha256
    services.dossiers.note_shown(actor, document_id, shown)
    left = 60 + 200 * len(services.dossiers.document_of(actor, document_id).versions)
    services.dossiers.sign(
        actor,
        document_id,
        pin=PIN,
        page=1,
        box=Box(x0=left, y0=60, x1=left + 120, y1=120),
        shown_sha256=shown,
    )


def openssl_accepts(folder: Path, told: bytes, token: bytes) -> bool:
    """`openssl ts` with the root certificate and nothing else of ours."""
    (folder / "receipt.json").write_bytes(told)
    (folder / "timestamp.tst").write_bytes(token)
    command = (
        "openssl ts -verify -token_in -in timestamp.tst -data receipt.json -CAfile pki/root.pem"
    )
    return subprocess.run(command.split(), cwd=folder, capture_output=True).returncode == 0


def test_a_finished_document_has_a_receipt_that_openssl_verifies(
    services: Services, signers: list[Actor], document_id: int, tmp_path: Path
) -> None:
    """Who, what and when, by hashes; one changed octet and nobody believes it."""
    for actor in signers:
        sign(services, actor, document_id)
    document = services.dossiers.document_of(signers[0], document_id)
    receipt = services.receipts.receipt_of(signers[0], document_id)
    assert receipt.file_name == "quyet_dinh_xac-nhan.asics"
    with zipfile.ZipFile(io.BytesIO(receipt.content)) as archive:
        names = [(one.filename, one.compress_type) for one in archive.infolist()]
        told, token = archive.read("receipt.json"), archive.read("META-INF/timestamp.tst")
        assert archive.read("mimetype").decode() == MEDIA_TYPE
    assert names[0] == ("mimetype", zipfile.ZIP_STORED)  # EN 319 162-1, A.1
    assert receipt.content[30:38] == b"mimetype"
    assert openssl_accepts(tmp_path, told, token)
    assert not openssl_accepts(tmp_path, told.replace(b"T00001", b"T00009"), token)

    said = json.loads(told)
    assert canonical_json(said).encode() == told
    assert said["sha256"] == document.sha256
    assert said["original_sha256"] == hashlib.sha256(DECISION.read_bytes()).hexdigest()
    assert said["verify_at"].endswith(f"/verify?sha256={document.sha256}")
    assert [step["person_code"] for step in said["steps"]] == ["T00001", "T00002"]
    assert all(step["signed_at"] for step in said["steps"])
    signatures = [one for one in said["signatures"] if one["kind"] == "signature"]
    assert [one["signer"] for one in signatures] == [s["person_name"] for s in said["steps"]]
    assert said["completed_at"] == said["steps"][-1]["signed_at"]


def test_there_is_none_before_the_last_signature(
    services: Services, signers: list[Actor], document_id: int
) -> None:
    """Half-signed is not completed."""
    sign(services, signers[0], document_id)
    with pytest.raises(Conflict):
        services.receipts.receipt_of(signers[0], document_id)


def test_who_may_not_see_the_document_gets_no_receipt(
    services: Services, city: City, signers: list[Actor], document_id: int
) -> None:
    """For a clerk of another ward there is no such document."""
    for actor in signers:
        sign(services, actor, document_id)
    with pytest.raises(NotFound):
        services.receipts.receipt_of(city.actor("other", Role.HR, OTHER_WARD), document_id)


def test_only_signed_versions_are_known_by_their_hash(
    services: Services, signers: list[Actor], document_id: int
) -> None:
    """Each of them, the half-signed one too; the original is not."""
    for actor in signers:
        sign(services, actor, document_id)
    original, *signed = services.dossiers.document_of(SYSTEM, document_id).versions
    assert services.receipts.verdict_of(original.sha256) is None
    for number, version in enumerate(signed, start=1):
        found = services.receipts.verdict_of(version.sha256)
        assert found is not None
        assert len([one for one in found.signatures if one.kind == "signature"]) == number


def test_a_later_version_that_nobody_signed_is_not_known(
    services: Services, document_id: int, clock: StandingClock
) -> None:
    """Such as a repaired copy, or one with fields for those who will sign."""
    (original,) = services.dossiers.document_of(SYSTEM, document_id).versions
    with transaction():
        db.session.add(
            DocumentVersion(
                document_id=document_id,
                number=1,
                sha256=original.sha256,
                size_bytes=original.size_bytes,
                file_name=original.file_name,
                created_by="clerk",
                created_at=clock.now(),
            )
        )
    assert services.receipts.verdict_of(original.sha256) is None
