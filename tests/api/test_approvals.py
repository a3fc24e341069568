"""Several papers under one PIN through the API, and somebody who guesses it there."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from signer.accounts import SYSTEM, Role
from signer.audit.models import AuditEvent
from signer.db import db, release
from signer.signing.models import Signature
from tests.databases import both_databases
from tests.factories import WARD

PIN = "2468-lotus"
PDFS = Path(__file__).parents[1] / "data" / "pdf"
LOCKED = "đã bị khóa do nhập sai mã PIN quá nhiều lần"
TWO_FACTORS = "Hãy dùng mã PIN hoặc khóa truy cập"


class Official:
    """Somebody with an active key and an account; `caller` is logged in."""

    def __init__(self, nobody, city, services, person):
        self.nobody, self.code = nobody, person.code
        self.account = city.account(person.code.lower(), Role.SIGNER, None)
        account_id = services.accounts.actor_of(self.account[0]).account_id
        services.inventory.link_account(SYSTEM, person.id, account_id)
        self.caller = self.log_in()
        assert self.caller.post("me/key/activate", json={"pin": PIN}).status_code == 200

    def log_in(self):
        """Another session of the same official."""
        return self.nobody.log_in(*self.account)

    @property
    def papers(self):
        """Those that wait for the signature."""
        return self.caller.get("me/documents").json

    def offer(self, *documents):
        return self.caller.post("me/approvals", json={"documents": list(documents)})

    def offered(self, *documents):
        answer = self.offer(*documents)
        assert answer.status_code == 201, answer.text
        return answer.json["activation_id"]

    def sign(self, approval, caller=None, **factor):
        address = f"me/approvals/{approval}/sign"
        return (caller or self.caller).post(address, json=factor or {"pin": PIN})


def wanted(paper, **changes):
    """The paper as the body of an offer names it; the place is the proposed one."""
    return {"document_id": paper["id"], "shown_sha256": paper["sha256"]} | changes


def unseen(official):
    """Everything that waits, to be signed without a look."""
    return [wanted(paper, unseen=True) for paper in official.papers]


def signed():
    release()
    return db.session.scalar(
        select(func.count()).select_from(Signature).where(Signature.state == "done")
    )


@pytest.fixture
def officials(nobody, city, services):
    """Two, each with a dossier of two papers of the own."""
    people = [Official(nobody, city, services, person) for person in city.certified(2)]
    clerk = city.actor("clerk", Role.HR)
    for official in people:
        services.dossiers.create(
            clerk,
            title="Trình ký",
            unit_code=WARD,
            due_on=None,
            files=[("QD.pdf", PDFS / "quyet_dinh.pdf"), ("TB.pdf", PDFS / "quyet_dinh.pdf")],
            signers=[official.code],
        )
    return people


@pytest.fixture
def official(officials):
    return officials[0]


def test_two_papers_one_pin(officials, nobody):
    """One was fetched, the other is signed expressly unseen; asked again, the answer is the same"""
    official = officials[0]
    seen, blind = official.papers
    assert official.caller.get(f"documents/{seen['id']}/file").status_code == 200
    offer = official.offer(wanted(seen), wanted(blind, unseen=True))
    assert offer.status_code == 201, offer.text
    assert offer.json.keys() == {"activation_id", "list_sha256", "expires_at", "passkey"}
    assert len(offer.json["list_sha256"]) == 64
    assert offer.json["passkey"] is None  # there is none to ask
    approval = offer.json["activation_id"]

    answer = official.sign(approval)
    assert answer.status_code == 200, answer.text
    assert [one["document_id"] for one in answer.json] == [seen["id"], blind["id"]]
    assert [one["reason"] for one in answer.json] == [None, None]
    for one in answer.json:
        paper = official.caller.get(f"documents/{one['document_id']}").json
        assert (paper["sha256"], paper["state"]) == (one["sha256"], "signed")
        assert [version["number"] for version in paper["versions"]] == [0, 1]
    assert official.papers == []
    kept = db.session.execute(select(Signature.unseen).order_by(Signature.id)).scalars().all()
    assert kept == [False, True]

    for factor in ({"pin": PIN}, {"pin": "sai mã pin"}):
        assert official.sign(approval, **factor).json == answer.json
    assert signed() == 2
    assert official.caller.get("me/key").json["attempts_left"] == 5
    assert officials[1].sign(approval).status_code == 404


OFFERS = {
    "not shown": (lambda mine, foreign: [wanted(mine)], 422, "Bạn chưa xem tài liệu “QD.pdf”"),
    "foreign": (lambda mine, foreign: [wanted(foreign, unseen=True)], 404, "tài liệu này"),
    "foreign beside own": (
        lambda mine, foreign: [wanted(mine, unseen=True), wanted(foreign, unseen=True)],
        404,
        "tài liệu này",
    ),
    "other bytes": (
        lambda mine, foreign: [wanted(mine, shown_sha256="0" * 64, unseen=True)],
        409,
        "Tài liệu đã thay đổi",
    ),
    "twice": (lambda mine, foreign: [wanted(mine, unseen=True)] * 2, 422, "bị lặp lại"),
    "too many": (lambda mine, foreign: [wanted(mine, unseen=True)] * 101, 422, "từ 1 đến 100"),
    "none": (lambda mine, foreign: [], 422, "Một số trường chưa hợp lệ"),
    "a box on no page": (
        lambda mine, foreign: [wanted(mine, unseen=True, box=[300, 120, 500, 180])],
        422,
        "vị trí khung chữ ký",
    ),
    "a page without a box": (
        lambda mine, foreign: [wanted(mine, unseen=True, page=1)],
        422,
        "vị trí khung chữ ký",
    ),
    "a box turned over": (
        lambda mine, foreign: [wanted(mine, unseen=True, page=1, box=[500, 180, 300, 120])],
        422,
        "chiều rộng và chiều cao dương",
    ),
}


def test_what_is_not_offered(officials, nobody, as_role):
    """The list is refused as a whole, with the reason; without a session there is none."""
    official, other = officials
    mine, foreign = official.papers[0], other.papers[0]
    for name, (documents, status, words) in OFFERS.items():
        answer = official.offer(*documents(mine, foreign))
        assert (answer.status_code, words in answer.json["detail"]) == (status, True), (
            name,
            answer.text,
        )
    body = {"documents": unseen(official)}
    assert nobody.post("me/approvals", json=body).status_code == 401
    assert as_role(Role.HR).post("me/approvals", json=body).status_code == 403
    release()
    offers = select(AuditEvent.seq).where(AuditEvent.action == "activation.offered")
    assert db.session.scalars(offers).all() == []


PASSKEY = {"clientExtensionResults": {"prf": {"results": {"first": "A" * 43}}}}
FACTORS = (
    ({}, 422, TWO_FACTORS),
    ({"pin": PIN, "passkey": PASSKEY}, 422, TWO_FACTORS),
    ({"pin": "sai 1111"}, 422, "Mã PIN không đúng. Bạn còn 4 lần thử."),
    ({"pin": "sai 2222"}, 422, "Mã PIN không đúng. Bạn còn 3 lần thử."),
    ({"passkey": {}}, 422, "không hỗ trợ mở khóa ký"),
    ({"passkey": {"clientExtensionResults": "x"}}, 422, "không hỗ trợ mở khóa ký"),
    ({"passkey": PASSKEY}, 403, "không được chấp nhận"),
    ({"passkey": PASSKEY | {"rawId": 5, "response": "x"}}, 403, "không được chấp nhận"),
)


def test_what_approves_nothing(officials, nobody, clock, services):
    """Each factor that is none, somebody else, and too late; a wrong PIN says what is left."""
    official, other = officials
    approval = official.offered(*unseen(official))
    for factor, status, words in FACTORS:
        answer = official.caller.post(f"me/approvals/{approval}/sign", json=factor)
        assert (answer.status_code, words in answer.json["detail"]) == (status, True), (
            factor,
            answer.text,
        )
    assert official.caller.get("me/key").json["attempts_left"] == 3
    assert other.sign(approval).status_code == 404
    assert official.sign(4711).status_code == 404
    assert official.sign(approval, caller=nobody).status_code == 401
    clock.move(timedelta(minutes=services.settings.activation_minutes))
    late = official.sign(approval)
    assert (late.status_code, "quá thời hạn" in late.json["detail"]) == (409, True)
    assert signed() == 0

    assert official.sign(official.offered(*unseen(official))).status_code == 200
    assert official.caller.get("me/key").json["attempts_left"] == 5


def test_one_sent_back_meanwhile_ends_alone(official):
    """The other paper of the list is signed; the reason is told in the caller's language."""
    approval = official.offered(*unseen(official))
    gone, kept = official.papers
    back = official.caller.post(f"documents/{gone['id']}/return", json={"reason": "Sai số hiệu"})
    assert back.status_code == 200
    answer = official.sign(approval)
    assert answer.status_code == 200, answer.text
    first, second = answer.json
    assert (first["document_id"], first["sha256"]) == (gone["id"], None)
    assert "Chưa đến lượt bạn ký" in first["reason"]
    assert (second["document_id"], second["reason"]) == (kept["id"], None)


def test_guesses_lock_the_key_whatever_list_they_are_for(official, services):
    """Two lists, guessed in turn: the tries belong to the key, and the right PIN comes too late."""
    lists = [official.offered(*unseen(official)) for _ in range(2)]
    most = services.settings.pin_attempts
    for number in range(most - 1):
        answer = official.sign(lists[number % 2], pin=f"sai {number}")
        assert answer.status_code == 422
        assert answer.json["errors"][0]["field"] == "pin"
        assert f"Bạn còn {most - 1 - number} lần thử" in answer.json["detail"]
    for pin in ("sai sau cùng", PIN):
        for approval in lists:
            answer = official.sign(approval, pin=pin)
            assert (answer.status_code, LOCKED in answer.json["detail"]) == (409, True)
    assert official.caller.get("me/key").json["state"] == "locked"
    assert official.offer(*unseen(official)).status_code == 409
    assert signed() == 0


@both_databases
def test_two_sessions_guess_no_more_than_one(official, services, app):
    """Each with a list of its own, at the same moment, as often as one alone might."""
    most = services.settings.pin_attempts
    lists = [official.offered(*unseen(official)) for _ in range(2)]
    callers = [official.log_in() for _ in range(2)]
    answers = []
    start = threading.Barrier(2, timeout=30)

    def guess(approval, caller):
        with app.app_context():
            start.wait()
            for number in range(most):
                answers.append(official.sign(approval, caller=caller, pin=f"sai {number}"))
            db.session.remove()

    threads = [
        threading.Thread(target=guess, args=pair) for pair in zip(lists, callers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2 * most
    looked = [answer.json["detail"] for answer in answers if answer.status_code == 422]
    assert sorted(looked) == [
        f"Mã PIN không đúng. Bạn còn {left} lần thử." for left in range(1, most)
    ]
    refused = [answer for answer in answers if answer.status_code == 409]
    assert len(refused) == 2 * most - len(looked)
    assert all(LOCKED in answer.json["detail"] for answer in refused)
    release()
    wrong = select(AuditEvent.seq).where(AuditEvent.action == "pin.wrong")
    assert len(db.session.scalars(wrong).all()) == most
    assert official.sign(lists[0]).status_code == 409
    assert signed() == 0
