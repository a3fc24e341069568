"""What a sprint still expects of a unit goes along when units are renamed, merged or split."""

from sqlalchemy import select, update

from signer.campaigns.models import Campaign, CampaignTask, Criterion, Evidence, Score, SentReminder
from signer.db import Changes, db, set_rows
from signer.inventory.models import OrgUnit
from signer.inventory.tree import open_homes


def follow_units(changes: Changes) -> None:
    """Open campaigns, unfinished tasks, unread reminders and scores are the successor's.

    Of several, the first one's; what is finished stays with the unit that did it, and so does a
    score in a criterion where the successor has one already.
    """
    ids = changes.get("org_unit")
    if not ids:
        return
    gone = select(OrgUnit).where(OrgUnit.id.in_(ids), OrgUnit.valid_to.is_not(None))
    for unit in db.session.scalars(gone).all():
        for home in open_homes(unit)[:1]:
            for model, is_open in (
                (Campaign, Campaign.closed_at.is_(None)),
                (CampaignTask, CampaignTask.state != "done"),
                (SentReminder, SentReminder.seen_at.is_(None)),
            ):
                db.session.execute(
                    update(model)
                    .where(model.unit_id == unit.id, is_open)
                    .values(unit_id=home.id, unit_path=home.path)
                )
            scored = select(Score.criterion_id).where(Score.unit_id == home.id).scalar_subquery()
            for part in (Evidence, Score):
                set_rows(
                    part, part.unit_id == unit.id, part.criterion_id.not_in(scored), unit_id=home.id
                )
            db.session.execute(
                update(Criterion)
                .where(Criterion.verifier_id == unit.id)
                .values(verifier_id=home.id)
            )
