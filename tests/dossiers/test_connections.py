"""No database connection waits for the HSM, for a file or for the sandbox."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import signer.files.store
import signer.pkcs11.hsm
from signer.accounts import SYSTEM, Role
from signer.db import db, transaction
from signer.issuance.models import SigningKey
from signer.services import Services
from signer.signing.geometry import Box
from signer.signing.sandbox import Sandbox
from tests.factories import WARD, City

PIN = "2468-lotus"
DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
BOX = Box(x0=300, y0=120, x1=500, y1=180)


@pytest.fixture
def held(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who asked the outside world with a connection in the hand, as it happens."""
    found: list[str] = []
    pool: Any = db.engine.pool  # documents are read in threads that know no application

    def watch(owner: Any, name: str) -> None:
        really: Callable[..., Any] = getattr(owner, name)

        def watched(*values: Any, **named: Any) -> Any:
            if pool.checkedout():
                found.append("".join(traceback.format_stack(limit=6)))
            return really(*values, **named)

        monkeypatch.setattr(owner, name, watched)

    watch(signer.files.store, "_outside_transaction")
    watch(signer.pkcs11.hsm, "in_transaction")
    watch(Sandbox, "call")
    return found


def test_a_whole_journey(services: Services, city: City, held: list[str], tmp_path: Path) -> None:
    """Roster, certificate, activation, dossier, its pages, signature, a new key, the CRL."""
    people = city.people(2)
    wrong = tmp_path / "sai.csv"
    wrong.write_text("Mã CBCCVC,Họ và tên,Đơn vị\nT00009,,Phường Hoàn Kiếm\n", encoding="utf-8")
    services.inventory.rosters.corrections(
        SYSTEM, services.inventory.rosters.dry_run(SYSTEM, wrong, wrong.name).import_id
    )
    city.issue(people)
    code, actor = people[0].code, city.signer_of(people[0])
    services.signing.activate(actor, PIN)
    services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=None,
        files=[("QD.pdf", DECISION)],
        signers=[code],
    )
    (document,) = services.dossiers.inbox(actor)
    sha256 = document.sha256
    looks: tuple[Callable[[], object], ...] = (
        lambda: services.signing.pages_of(sha256),
        lambda: services.signing.page_image(sha256, 1, 50),
        lambda: services.signing.page_words(sha256, 1),
        lambda: services.signing.propose(actor, sha256),
    )
    for look in looks:
        services.dossiers.document_of(actor, document.id)  # what a door asks first
        look()
    services.dossiers.sign(
        actor, document.id, pin=PIN, page=1, box=BOX, shown_sha256=sha256, unseen=True
    )
    with transaction():
        db.session.execute(
            update(SigningKey).where(SigningKey.state == "active").values(state="locked")
        )
    services.issuance.allow_reactivation(SYSTEM, code)
    services.authority.refresh_crl()
    services.issuance.issuing.resume()
    assert not held, held[0]
