"""A body's seal on a document: by whose hands, after whom, and what is refused (R40 to R42)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from signer.accounts import SYSTEM, Actor, Role
from signer.ca.crl import RevocationReason
from signer.dossiers.approving import Wanted
from signer.dossiers.models import StepKind
from signer.dossiers.sealing import SealWish
from signer.errors import Conflict, Forbidden, Invalid, NotFound, SignerError
from signer.inventory.models import Person
from signer.services import Services
from signer.signing.approvals import PinFactor
from signer.signing.geometry import Box
from signer.signing.validation import VerdictClass
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.sealing import SEAL_PIN, kept, ready

PDFS = Path(__file__).parents[1] / "data" / "pdf"
DECISION = PDFS / "quyet_dinh.pdf"
PIN = "2468-lotus"
BOX = Box(x0=300, y0=120, x1=500, y1=180)


@pytest.fixture
def clerk(city: City) -> Actor:
    """Whoever drafts in the ward."""
    return city.actor("clerk", Role.HR)


@pytest.fixture
def signer(services: Services, city: City) -> Actor:
    """T00001, who can sign."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    return actor


@pytest.fixture
def keepers(services: Services, city: City) -> list[tuple[Person, Actor]]:
    """Two who can keep the ward's seal; the first does."""
    people = city.people(2)
    found = [(person, city.signer_of(person)) for person in people]
    kept(services, city, people[0])
    return found


def made(services: Services, clerk: Actor, **changed: Any) -> int:
    """A dossier of one decision; returns its id."""
    good: dict[str, Any] = {
        "title": "Quyết định thử nghiệm",
        "unit_code": WARD,
        "due_on": None,
        "files": [("QD.pdf", DECISION)],
        "signers": ["T00001"],
    }
    return services.dossiers.create(clerk, **good | changed)


def signed(services: Services, actor: Actor) -> None:
    """The first document that waits for this person's own signature has it."""
    (document, *_) = services.dossiers.inbox(actor)
    services.dossiers.sign(
        actor, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256, unseen=True
    )


def waiting(services: Services, actor: Actor) -> list[tuple[int, str]]:
    """(document, what is asked) in this person's inbox."""
    return [
        (document.id, document.my_step.kind)
        for document in services.dossiers.inbox(actor)
        if document.my_step
    ]


@both_databases
def test_the_keeper_comes_after_the_signers(
    services: Services, clerk: Actor, signer: Actor, keepers: list[tuple[Person, Actor]]
) -> None:
    """The document is done only when the seal is on it; its appendix waits for that seal."""
    (_, keeper), _ = keepers
    wish = SealWish(unit_code=WARD)
    dossier_id = made(services, clerk, seal=wish, appendices=[("PL.pdf", DECISION)])
    assert waiting(services, keeper) == []
    signed(services, signer)
    main, appendix = services.dossiers.dossier_of(clerk, dossier_id).documents
    assert waiting(services, keeper) == [(main.id, StepKind.SEAL)]
    assert main.state == "waiting"
    assert [(step.kind, step.state) for step in appendix.steps] == [(StepKind.APPENDIX, "blocked")]


@both_databases
def test_initials_come_first(services: Services, city: City, clerk: Actor, signer: Actor) -> None:
    """One person may initial and sign: two steps, the first before the other."""
    made(services, clerk, initials=["T00001"])
    assert waiting(services, signer) == [(1, StepKind.INITIAL)]
    (document,) = services.dossiers.inbox(signer)
    assert [step.kind for step in document.steps] == [StepKind.INITIAL, StepKind.SIGN]


@both_databases
def test_a_signed_document_is_handed_to_the_keeper_and_taken_back(
    services: Services, clerk: Actor, signer: Actor, keepers: list[tuple[Person, Actor]]
) -> None:
    """Document and dossier are open again while the seal is wanted, and done once it is not."""
    (_, keeper), _ = keepers
    dossier_id = made(services, clerk)
    signed(services, signer)
    assert services.dossiers.dossier_of(clerk, dossier_id).state == "done"
    for _ in range(2):  # after it was taken back it can be asked for again
        services.dossiers.sealing.add(clerk, 1, StepKind.SEAL, WARD)
        assert services.dossiers.dossier_of(clerk, dossier_id).state == "open"
        assert waiting(services, keeper) == [(1, StepKind.SEAL)]
        with pytest.raises(Conflict, match="đã có bước này"):
            services.dossiers.sealing.add(clerk, 1, StepKind.SEAL, WARD)
        step = services.dossiers.document_of(clerk, 1).steps[-1]
        services.dossiers.sealing.take_back(clerk, 1, step.id)
        assert waiting(services, keeper) == []
        assert services.dossiers.dossier_of(clerk, dossier_id).state == "done"
        with pytest.raises(Conflict):
            services.dossiers.sealing.take_back(clerk, 1, step.id)


@both_databases
def test_what_waits_follows_the_seal_to_its_next_keeper(
    services: Services,
    city: City,
    clerk: Actor,
    signer: Actor,
    keepers: list[tuple[Person, Actor]],
) -> None:
    """The former one sees it no more."""
    (_, former), (person, present) = keepers
    made(services, clerk, seal=SealWish(unit_code=WARD))
    signed(services, signer)
    kept(services, city, person)
    assert waiting(services, former) == []
    assert services.dossiers.dossiers(former) == []
    assert waiting(services, present) == [(1, StepKind.SEAL)]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nobody signs what is to be sealed": ({"signers": [], "seal": "seal"}, "từ 1 đến 10 người ký"),
    "nobody signs and nothing is wanted": ({"signers": []}, "từ 1 đến 10 người ký"),
    "an appendix without a seal": (
        {"appendices": [("PL.pdf", DECISION)]},
        "cần chọn cơ quan đóng dấu",
    ),
    "an appendix to a copy": (
        {"appendices": [("PL.pdf", DECISION)], "seal": "incoming"},
        "cần chọn cơ quan đóng dấu",
    ),
    "somebody initials twice": ({"initials": ["T00001", "T00001"]}, "không quá 10 người ký nháy"),
    "an unknown person initials": ({"initials": ["T99999"]}, "Không tìm thấy cán bộ"),
    "too many files with the appendices": (
        {"files": [("QD.pdf", DECISION)] * 20, "appendices": [("PL.pdf", DECISION)]},
        "từ 1 đến 20 tệp",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_dossiers_that_are_refused(
    services: Services,
    clerk: Actor,
    signer: Actor,
    keepers: list[tuple[Person, Actor]],
    name: str,
) -> None:
    """Each with its sentence, and nothing is stored."""
    changes, sentence = REFUSED[name]
    kind = changes.get("seal")
    if kind is not None:
        changes = changes | {"seal": SealWish(unit_code=WARD, kind=StepKind(kind))}
    with pytest.raises(Invalid) as refused:
        made(services, clerk, **changes)
    assert sentence in refused.value.sentence
    assert services.dossiers.dossiers(clerk) == []


def test_whose_seal_may_be_asked_for(
    services: Services, city: City, clerk: Actor, signer: Actor, keepers: list[tuple[Person, Actor]]
) -> None:
    """The own body's and those above; of a body without a seal, or of another ward, nobody's."""
    (stranger,) = city.people(1, unit=OTHER_WARD)
    kept(services, city, stranger, OTHER_WARD)
    assert [body.unit_code for body in services.dossiers.sealing.bodies(clerk)] == [WARD]
    assert services.dossiers.sealing.bodies(signer) == []
    for code in (OTHER_WARD, "H26"):
        with pytest.raises(Invalid, match="chưa có con dấu số"):
            made(services, clerk, seal=SealWish(unit_code=code))


def test_who_hands_a_document_over_and_what_for(
    services: Services,
    city: City,
    clerk: Actor,
    signer: Actor,
    keepers: list[tuple[Person, Actor]],
) -> None:
    """Drafters of the unit only; no appendix before the seal, no seal without a signature."""
    made(services, clerk)
    made(services, clerk, signers=[], seal=SealWish(unit_code=WARD, kind=StepKind.INCOMING))
    sealing = services.dossiers.sealing
    refusals: list[tuple[type[SignerError], Callable[[], object]]] = [
        (Forbidden, lambda: sealing.add(signer, 1, StepKind.SEAL, WARD)),
        (
            NotFound,
            lambda: sealing.add(city.actor("x", Role.HR, OTHER_WARD), 1, StepKind.SEAL, WARD),
        ),
        (Invalid, lambda: sealing.add(clerk, 1, StepKind.SIGN, WARD)),
        (Forbidden, lambda: sealing.add(clerk, 1, StepKind.APPENDIX, WARD)),
        (Invalid, lambda: sealing.add(clerk, 2, StepKind.SEAL, WARD)),
        (NotFound, lambda: sealing.take_back(clerk, 1, 1)),  # a person's own step
        (Conflict, lambda: sealing.take_back(clerk, 2, 2)),  # the only step there is
    ]
    for kind, act in refusals:
        with pytest.raises(kind):
            act()
    services.dossiers.send_back(signer, 1, "Sai số hiệu")
    with pytest.raises(Conflict, match="đã bị trả lại"):
        sealing.add(clerk, 1, StepKind.SEAL, WARD)


@both_databases
def test_initialled_signed_and_sealed(
    services: Services, city: City, clerk: Actor, signer: Actor, tmp_path: Path
) -> None:
    """The whole way: three marks by two keys, all of them valid; the dossier is done."""
    (person,) = city.people(1)
    keeper = city.signer_of(person)
    ready(services, city, person, keeper)
    dossier_id = made(
        services,
        clerk,
        initials=["T00001"],
        seal=SealWish(unit_code=WARD),
        appendices=[("PL.pdf", DECISION)],
    )
    for actor, pin, facts in (
        (signer, PIN, {}),
        (signer, PIN, {}),
        (keeper, SEAL_PIN, {}),
        (keeper, SEAL_PIN, {"number": "12/QĐ-UBND"}),
    ):
        (document,) = services.dossiers.inbox(actor)
        wanted = Wanted(document_id=document.id, shown_sha256=document.sha256, unseen=True, **facts)
        offer = services.dossiers.offer(actor, [wanted])
        ((_, _, error),) = services.dossiers.sign_batch(
            actor, offer.activation_id, PinFactor(pin=pin)
        ).results
        assert error is None, error
    dossier = services.dossiers.dossier_of(clerk, dossier_id)
    assert dossier.state == "done"
    names = []
    for document in dossier.documents:
        with services.files.path(document.sha256) as path:
            verdict = services.signing.verify(path)
        assert verdict.verdict is VerdictClass.VALID
        names.append([signature.signer for signature in verdict.signatures])
    body = services.inventory.unit_of(WARD).name.upper()
    official = services.signing.person_of(signer).full_name
    assert names == [[official, official, body], [body]]


@pytest.fixture
def keeper(services: Services, city: City) -> Actor:
    """Keeps the ward's seal, with PIN and image, and can sign for themselves too."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    ready(services, city, person, actor)
    return actor


def wanted(services: Services, actor: Actor, document_id: int = 1, **facts: str) -> Wanted:
    """The document as it is now, unseen."""
    sha256 = services.dossiers.document_of(SYSTEM, document_id).sha256
    return Wanted(document_id=document_id, shown_sha256=sha256, unseen=True, **facts)


def test_no_seal_without_a_valid_signature(
    services: Services, city: City, clerk: Actor, signer: Actor, keeper: Actor
) -> None:
    """R40: the official's certificate was revoked after the signature, which has no time stamp."""
    made(services, clerk, seal=SealWish(unit_code=WARD))
    signed(services, signer)
    serial = services.signing.key_of(signer).serial_hex
    assert serial is not None
    services.authority.revoke(int(serial, 16), RevocationReason.KEY_COMPROMISE, "test")
    services.authority.refresh_crl()
    with pytest.raises(Forbidden):
        services.dossiers.offer(keeper, [wanted(services, keeper)])
    assert [s.state for s in services.dossiers.document_of(clerk, 1).steps] == ["signed", "waiting"]


def test_an_incoming_paper_with_a_broken_signature_is_returned(
    services: Services, city: City, clerk: Actor, signer: Actor, keeper: Actor, tmp_path: Path
) -> None:
    """Decree 30/2020, article 21.2: the sentence says so, and returning works."""
    made(services, clerk)
    signed(services, signer)
    octets = services.files.get(services.dossiers.document_of(clerk, 1).sha256)
    broken = tmp_path / "den.pdf"
    broken.write_bytes(octets.replace(b"/Producer<FEFF004C", b"/Producer<FEFF004D", 1))
    wish = SealWish(unit_code=WARD, kind=StepKind.INCOMING)
    made(services, clerk, files=[("den.pdf", broken)], signers=[], seal=wish)
    with pytest.raises(Forbidden, match="trả lại"):
        services.dossiers.offer(keeper, [wanted(services, keeper, 2, number="45")])
    services.dossiers.send_back(keeper, 2, "Chữ ký không hợp lệ")
    assert services.dossiers.document_of(clerk, 2).state == "returned"


def test_facts_that_a_mark_must_show(
    services: Services, city: City, clerk: Actor, keeper: Actor
) -> None:
    """Named before any PIN is asked for."""
    for kind in (StepKind.COPY, StepKind.INCOMING):
        made(services, clerk, signers=[], seal=SealWish(unit_code=WARD, kind=kind))
    for number, facts, field in (
        (1, {}, "copy_form"),
        (1, {"copy_form": "BẢN SAO"}, "copy_form"),
        (2, {}, "number"),
        (2, {"number": "4" * 101}, "number"),
    ):
        with pytest.raises(Invalid) as refused:
            services.dossiers.offer(keeper, [wanted(services, keeper, number, **facts)])
        assert refused.value.field == field


def test_a_list_is_for_one_key(services: Services, city: City, clerk: Actor, keeper: Actor) -> None:
    """The own signature and the seal are approved apart, each with its PIN."""
    code = services.signing.person_of(keeper).code
    made(services, clerk, signers=[code])
    wish = SealWish(unit_code=WARD, kind=StepKind.COPY)
    made(services, clerk, signers=[], seal=wish)
    own, copy = wanted(services, keeper), wanted(services, keeper, 2, copy_form="SAO Y")
    with pytest.raises(Invalid, match="hãy chọn riêng"):
        services.dossiers.offer(keeper, [own, copy])
    for one, wrong, right in ((own, SEAL_PIN, PIN), (copy, PIN, SEAL_PIN)):
        offer = services.dossiers.offer(keeper, [one])
        with pytest.raises(Invalid, match="PIN"):
            services.dossiers.sign_batch(keeper, offer.activation_id, PinFactor(pin=wrong))
        outcome = services.dossiers.sign_batch(keeper, offer.activation_id, PinFactor(pin=right))
        assert [error for _, _, error in outcome.results] == [None]


def test_a_former_keeper_seals_nothing(
    services: Services, city: City, clerk: Actor, keeper: Actor
) -> None:
    """Handed over between the offer and the PIN: refused, and nothing is sealed."""
    made(services, clerk, signers=[], seal=SealWish(unit_code=WARD, kind=StepKind.COPY))
    offer = services.dossiers.offer(keeper, [wanted(services, keeper, copy_form="SAO Y")])
    (other,) = city.people(1)
    kept(services, city, other)
    with pytest.raises(SignerError):
        services.dossiers.sign_batch(keeper, offer.activation_id, PinFactor(pin=SEAL_PIN))
    (document,) = services.dossiers.dossier_of(clerk, 1).documents
    assert [step.state for step in document.steps] == ["waiting"]
    assert len(document.versions) == 1


SCANS = {
    "grey": ("L", 300, "thang xám"),
    "too coarse": ("RGB", 120, "đo được"),
}


@pytest.mark.parametrize("name", SCANS)
def test_scans_that_make_no_copy(
    services: Services, clerk: Actor, keeper: Actor, tmp_path: Path, name: str
) -> None:
    """R42: the refusal names what was measured, and nothing is stored."""
    mode, dpi, sentence = SCANS[name]
    scan = tmp_path / "scan.pdf"
    Image.new(mode, (int(8.27 * dpi), int(11.69 * dpi)), "white").save(scan, resolution=dpi)
    wish = SealWish(unit_code=WARD, kind=StepKind.COPY)
    with pytest.raises(Invalid) as refused:
        made(services, clerk, files=[("scan.pdf", scan)], signers=[], seal=wish)
    assert sentence in refused.value.sentence
    assert services.dossiers.dossiers(clerk) == []
