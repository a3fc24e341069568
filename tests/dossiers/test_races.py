"""Two people at once, as PostgreSQL lets them; and hashes that nobody's document has."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from signer.accounts import Actor, Grant, Role
from signer.accounts.permissions import Permission
from signer.db import db
from signer.errors import Conflict, SignerError
from signer.services import Services
from signer.signing.geometry import Box
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"


def _dossier(services: Services, clerk: Actor, code: str, unit: str = WARD) -> int:
    return services.dossiers.create(
        clerk,
        title="Quyết định thử nghiệm",
        unit_code=unit,
        due_on=None,
        files=[("QD.pdf", DECISION)],
        signers=[code],
    )


def _at_once(app: Flask, *acts: Callable[[], object]) -> list[object]:
    """What each act returned or raised, all begun together."""
    outcomes: list[object] = []
    start = threading.Barrier(len(acts))

    def do(act: Callable[[], object]) -> None:
        with app.app_context():
            start.wait()
            try:
                outcomes.append(act())
            except (SignerError, SQLAlchemyError) as error:
                outcomes.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=do, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()  # what the others stored is looked at afresh
    return outcomes


@both_databases
def test_dossiers_made_at_once_get_codes_of_their_own(
    services: Services, city: City, app: Flask
) -> None:
    """R49: the counter skips nobody and fails nobody."""
    (person,) = city.people(1)
    clerk = city.actor("clerk", Role.HR)
    made = _at_once(app, *[lambda: _dossier(services, clerk, person.code)] * 4)
    assert all(isinstance(found, int) for found in made), made
    codes = {dossier.code[-4:] for dossier in services.dossiers.dossiers(clerk)}
    assert codes == {"0001", "0002", "0003", "0004"}


@both_databases
def test_signing_at_once_from_two_windows_is_signing_once(
    services: Services, city: City, app: Flask
) -> None:
    """The slower window is told, or shown the result; never an error nobody expected."""
    (person,) = city.certified(1)
    signer = city.signer_of(person)
    services.signing.activate(signer, PIN)
    _dossier(services, city.actor("clerk", Role.HR), person.code)
    (document,) = services.dossiers.inbox(signer)

    def sign() -> object:
        return services.dossiers.sign(
            signer,
            document.id,
            pin=PIN,
            page=1,
            box=Box(x0=300, y0=120, x1=500, y1=180),
            shown_sha256=document.sha256,
            unseen=True,
        )

    outcomes = _at_once(app, sign, sign, sign)
    failed = [found for found in outcomes if isinstance(found, Exception)]
    assert all(isinstance(found, Conflict) for found in failed), failed
    assert len(failed) < 3
    assert len(services.dossiers.document_of(signer, document.id).versions) == 2


def test_a_signers_grant_opens_no_subtree_to_another_role(services: Services, city: City) -> None:
    """An administrator who also signs sees the own documents, as every signer does."""
    (person,) = city.people(1, unit=OTHER_WARD)
    clerk = city.actor("clerk", Role.HR, OTHER_WARD)
    dossier_id = _dossier(services, clerk, person.code, OTHER_WARD)
    ward = services.inventory.unit_of(OTHER_WARD).path
    both = Actor(
        account_id=city.actor("admin", Role.ADMIN).account_id,
        name="admin",
        display_name="Quản trị",
        grants=(Grant(role=Role.ADMIN, scope_path=ward), Grant(role=Role.SIGNER, scope_path="")),
    )
    assert both.can(Permission.DOSSIER_VIEW)
    assert services.dossiers.dossiers(both) == []
    with pytest.raises(SignerError):
        services.dossiers.dossier_of(both, dossier_id)
