"""Open dossiers go along when units are renamed, merged or split, to where their drafters are."""

from sqlalchemy import select, update

from signer.db import Changes, db
from signer.dossiers.models import Dossier
from signer.errors import N_, Conflict
from signer.inventory.models import OrgUnit, Person
from signer.inventory.tree import open_homes


def follow_units(changes: Changes) -> None:
    """Open dossiers are filed with the unit that took over; of several, with the drafter's.

    Finished ones stay with the unit they were made in. `Conflict`, which undoes the transaction,
    when an act is being undone after a dossier of a unit that it began was finished.
    """
    ids = changes.get("org_unit")
    if not ids:
        return
    touched = db.session.scalars(select(OrgUnit).where(OrgUnit.id.in_(ids)).order_by(OrgUnit.path))
    units = {unit.id: unit for unit in touched}
    rows = db.session.execute(
        select(
            Dossier.id,
            Dossier.state,
            Dossier.code,
            Dossier.unit_id,
            Person.id.label("drafter_id"),
            Person.unit_path,
        )
        .outerjoin(Person, Person.account_id == Dossier.creator_id)
        .where(Dossier.unit_id.in_(ids))
    ).all()
    for row in rows:
        unit = units[row.unit_id]
        if row.state == "done":
            if unit.is_undone:
                raise Conflict(
                    N_("Hồ sơ %(code)s của đơn vị mới đã hoàn thành, nên không hoàn tác được."),
                    code=row.code,
                )
            continue
        drafter = row.unit_path or ""
        has_gone = row.drafter_id in changes.get("person", ()) and not drafter.startswith(unit.path)
        if unit.valid_to is not None or has_gone:
            there = [one for one in units.values() if one.valid_to is None]
            own = [one for one in there if drafter.startswith(one.path)]
            for home in (own or open_homes(unit))[:1]:
                db.session.execute(
                    update(Dossier)
                    .where(Dossier.id == row.id)
                    .values(unit_id=home.id, unit_path=home.path)
                )
