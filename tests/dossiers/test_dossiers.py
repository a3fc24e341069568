"""A dossier's way: whose turn, which bytes, who may look."""

from datetime import date
from pathlib import Path

import pytest

from signer.accounts import Actor, Role
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.inventory.models import Person
from signer.services import Services
from signer.signing.geometry import Box
from signer.signing.validation import VerdictClass
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City

PDFS = Path(__file__).parents[1] / "data" / "pdf"
DECISION = PDFS / "quyet_dinh.pdf"
PIN = "2468-lotus"
BOX = Box(x0=300, y0=120, x1=500, y1=180)


@pytest.fixture
def officials(services: Services, city: City) -> list[tuple[Person, Actor]]:
    """Two people who can sign."""
    people = city.certified(2)
    found = [(person, city.signer_of(person)) for person in people]
    for _, actor in found:
        services.signing.activate(actor, PIN)
    return found


def _dossier(services: Services, clerk: Actor, *people: Person, files: int = 1) -> int:
    return services.dossiers.create(
        clerk,
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=date(2026, 12, 1),
        files=[(f"QD {n}.pdf", DECISION) for n in range(files)],
        signers=[person.code for person in people],
    )


@both_databases
def test_two_sign_in_their_order(
    services: Services, city: City, officials: list[tuple[Person, Actor]], tmp_path: Path
) -> None:
    """The second waits for the first; both signatures hold at the end; the original is kept."""
    clerk = city.actor("clerk", Role.HR)
    (one, first), (two, second) = officials
    dossier_id = _dossier(services, clerk, one, two)
    (document,) = services.dossiers.inbox(first)
    assert services.dossiers.inbox(second) == []
    with pytest.raises(Forbidden):
        services.dossiers.sign(
            second, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256, unseen=True
        )
    signed = services.dossiers.sign(
        first, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256, unseen=True
    )
    assert services.dossiers.inbox(first) == []
    below = Box(x0=300, y0=40, x1=500, y1=100)
    done = services.dossiers.sign(
        second, document.id, pin=PIN, page=1, box=below, shown_sha256=signed.sha256, unseen=True
    )
    assert done.state == "signed"
    assert services.dossiers.dossier_of(clerk, dossier_id).state == "done"
    assert [v.number for v in done.versions] == [0, 1, 2]
    assert services.files.get(done.versions[0].sha256) == DECISION.read_bytes()
    name, sha256 = services.dossiers.file_of(clerk, document.id)
    assert "_daky_" in name
    file = tmp_path / "done.pdf"
    file.write_bytes(services.files.get(sha256))
    verdict = services.signing.verify(file)
    assert verdict.verdict is VerdictClass.VALID
    assert [s.signer for s in verdict.signatures] == [one.full_name, two.full_name]


def test_what_is_signed_is_what_was_shown(
    services: Services, city: City, officials: list[tuple[Person, Actor]]
) -> None:
    """Another hash is a conflict, not a signature."""
    clerk = city.actor("clerk", Role.HR)
    (one, first), _ = officials
    _dossier(services, clerk, one)
    (document,) = services.dossiers.inbox(first)
    with pytest.raises(Conflict):
        services.dossiers.sign(
            first, document.id, pin=PIN, page=1, box=BOX, shown_sha256="0" * 64, unseen=True
        )


def test_signing_twice_is_signing_once(
    services: Services, city: City, officials: list[tuple[Person, Actor]]
) -> None:
    """A second click, or a retry after a lost answer, returns the document already signed."""
    clerk = city.actor("clerk", Role.HR)
    (one, first), _ = officials
    _dossier(services, clerk, one)
    (document,) = services.dossiers.inbox(first)
    again = [
        services.dossiers.sign(
            first, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256, unseen=True
        )
        for _ in range(2)
    ]
    assert again[0] == again[1]
    assert len(again[0].versions) == 2


def test_sent_back_with_a_reason(
    services: Services, city: City, officials: list[tuple[Person, Actor]]
) -> None:
    """Nobody signs it any more; the drafter reads why."""
    clerk = city.actor("clerk", Role.HR)
    (one, first), (two, _) = officials
    dossier_id = _dossier(services, clerk, one, two)
    (document,) = services.dossiers.inbox(first)
    with pytest.raises(Invalid):
        services.dossiers.send_back(first, document.id, " ")
    services.dossiers.send_back(first, document.id, "Sai số hiệu")
    dossier = services.dossiers.dossier_of(clerk, dossier_id)
    assert dossier.state == "returned"
    assert dossier.documents[0].steps[0].note == "Sai số hiệu"
    with pytest.raises(Forbidden):
        services.dossiers.sign(
            first, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256, unseen=True
        )


def test_who_may_look(
    services: Services, city: City, officials: list[tuple[Person, Actor]]
) -> None:
    """The unit's own people and the signers asked; nobody else learns that it exists."""
    clerk = city.actor("clerk", Role.HR)
    (one, first), (_, second) = officials
    dossier_id = _dossier(services, clerk, one)
    assert services.dossiers.dossier_of(first, dossier_id)
    for stranger in (second, city.actor("other", Role.HR, OTHER_WARD)):
        assert services.dossiers.dossiers(stranger) == []
        with pytest.raises(NotFound):
            services.dossiers.dossier_of(stranger, dossier_id)
        with pytest.raises(NotFound):
            services.dossiers.document_of(stranger, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"not a pdf at all", "PDF"), (DECISION.read_bytes()[:20000], "hỏng")],
    ids=["not_pdf", "truncated"],
)
def test_a_file_that_cannot_be_signed_is_refused_before_anything_is_stored(
    services: Services,
    city: City,
    officials: list[tuple[Person, Actor]],
    tmp_path: Path,
    content: bytes,
    said: str,
) -> None:
    """The sentence names the file."""
    file = tmp_path / "bad.pdf"
    file.write_bytes(content)
    clerk = city.actor("clerk", Role.HR)
    with pytest.raises(Invalid) as refused:
        services.dossiers.create(
            clerk,
            title="Hỏng",
            unit_code=WARD,
            due_on=None,
            files=[("tốt.pdf", DECISION), ("hỏng rồi.pdf", file)],
            signers=[officials[0][0].code],
        )
    assert "hỏng rồi.pdf" in str(refused.value)
    assert said in str(refused.value)
    assert services.dossiers.dossiers(clerk) == []


def test_codes_count_up_within_the_day(
    services: Services, city: City, officials: list[tuple[Person, Actor]]
) -> None:
    """H26.unit-yymmdd-nnnn."""
    clerk = city.actor("clerk", Role.HR)
    for _ in range(2):
        _dossier(services, clerk, officials[0][0])
    codes = [dossier.code for dossier in services.dossiers.dossiers(clerk)]
    assert codes == [f"H26.{WARD}-261123-0002", f"H26.{WARD}-261123-0001"]
