"""One act on the whole application, until it kills itself at the named point.

`python -m tests.issuance.killed_child` is the parent of those that test_killed.py kills. The hash
of every TBS that the HSM signed is on the disk before anything else happens.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from signer.app import create_rooms
from signer.ca import issuing
from signer.config import Settings
from signer.dossiers.approving import Wanted
from signer.issuance.grounds import Act, Ground
from signer.services import Services
from signer.signing.approvals import PinFactor
from signer.signing.geometry import Box
from tests.clocks import StandingClock
from tests.killing import KillPoint, bear

PIN = "2468-lotus"
PAPER = "12/QĐ-UBND"
BOX = Box(x0=300, y0=120, x1=500, y1=180)


def work(rooms: Services, plan: dict[str, Any]) -> None:
    """A worker's whole life: what is half-done, then what waits."""
    rooms.issuance.issuing.resume()
    rooms.issuance.seals.resume()
    rooms.issuance.revoking.sweep()
    rooms.jobs.run(rooms.job_handlers)


def replace(rooms: Services, plan: dict[str, Any]) -> None:
    """A locked key is replaced."""
    rooms.issuance.issuing.replace_key(plan["person_id"], "clerk")


def activate(rooms: Services, plan: dict[str, Any]) -> None:
    """A key is sealed under a PIN."""
    rooms.signing.activate(rooms.accounts.actor_of(plan["signer"]), PIN)


def sign(rooms: Services, plan: dict[str, Any]) -> None:
    """A document is signed."""
    rooms.dossiers.sign(
        rooms.accounts.actor_of(plan["signer"]),
        plan["document_id"],
        pin=PIN,
        page=1,
        box=BOX,
        shown_sha256=plan["shown_sha256"],
        unseen=True,
    )


def sign_list(rooms: Services, plan: dict[str, Any]) -> None:
    """Every document that waits is signed with one approval."""
    actor = rooms.accounts.actor_of(plan["signer"])
    offer = rooms.dossiers.offer(
        actor,
        [
            Wanted(document_id=one.id, shown_sha256=one.sha256, page=1, box=BOX, unseen=True)
            for one in rooms.dossiers.inbox(actor)
        ],
    )
    outcome = rooms.dossiers.sign_batch(actor, offer.activation_id, PinFactor(pin=PIN))
    assert all(sha256 for _, sha256, _ in outcome.results), outcome


def restamp(rooms: Services, plan: dict[str, Any]) -> None:
    """All that is archived gets another stamp."""
    rooms.document_stamps.renew(everything=True)
    rooms.jobs.run(rooms.job_handlers)


def order(rooms: Services, plan: dict[str, Any]) -> None:
    """A clerk's order: people are revoked, suspended or released."""
    rooms.issuance.revoking.order(
        rooms.accounts.actor_of(plan["clerk"]),
        act=Act(plan["do"]),
        person_codes=plan["codes"],
        ground=Ground(plan["ground"]) if plan["ground"] else None,
        document_ref=PAPER,
    )


def carry_out(rooms: Services, plan: dict[str, Any]) -> None:
    """A clerk's word on drafts that the roster asked for."""
    clerk = rooms.accounts.actor_of(plan["clerk"])
    drafts = [draft.id for draft in rooms.issuance.revoking.drafts(clerk)]
    rooms.issuance.revoking.carry_out(
        clerk, drafts, ground=Ground(plan["ground"]), document_ref=PAPER
    )


def end_seal(rooms: Services, plan: dict[str, Any]) -> None:
    """A body's seal is ended."""
    officer = rooms.accounts.actor_of(plan["clerk"])
    rooms.issuance.seals.end(
        officer, plan["seal_id"], ground=Ground.BODY_MERGED, document_ref=PAPER
    )


ACTS: dict[str, Callable[[Services, dict[str, Any]], None]] = {
    act.__name__: act
    for act in (work, replace, activate, sign, sign_list, restamp, order, carry_out, end_seal)
}


def log_signatures(log: Path) -> None:
    """Whatever the CA signs from now on is in the log first."""
    really_sign = issuing.sign_many_tbs

    def sign_many_tbs(key: Any, tbs_ders: Sequence[bytes], *others: Any) -> list[bytes]:
        signed = really_sign(key, tbs_ders, *others)
        with log.open("a") as stream:
            stream.writelines(hashlib.sha256(tbs_der).hexdigest() + "\n" for tbs_der in tbs_ders)
            stream.flush()
            os.fsync(stream.fileno())
        return signed

    issuing.sign_many_tbs = sign_many_tbs


def live(plan: dict[str, Any], point: KillPoint) -> None:
    """Does the act of the plan."""
    settings = Settings(
        home=Path(plan["home"]),
        database_url=plan["database"],
        token_pin_file=Path(plan["pin_file"]),
        signature_level=plan.get("level", "b-b"),
    )
    app = create_rooms(settings, StandingClock(datetime.fromisoformat(plan["at"])))
    log_signatures(Path(plan["log"]))
    point.watch_commits()
    point.watch_files()
    with app.app_context():
        ACTS[plan["act"]](app.extensions["signer"], plan)


if __name__ == "__main__":
    bear(live)
