"""Open requests go along when units are renamed, merged or split: their officers must see them."""

from collections import defaultdict

from sqlalchemy import exists, func, or_, select, update

from signer.ca.models import Certificate
from signer.db import Changes, db
from signer.errors import N_, Conflict
from signer.inventory.models import OrgUnit, Person
from signer.issuance.holdings import COUNTING, body_over
from signer.issuance.models import CertificateRequest, RequestItem, SigningKey
from signer.jobs import Jobs


class Rehoming:
    """Follows the transactions that change units. What was decided long ago stays where it was."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def follow(self, changes: Changes) -> None:
        """Each open request is filed with the body that is over all its people, and so is its job.

        `Conflict`, which undoes the transaction, when an act is being undone after requests of
        the units that it began were decided.
        """
        if units := changes.get("org_unit"):
            self._move(units, changes.get("person", frozenset()))
            is_open = exists().where(
                RequestItem.request_id == CertificateRequest.id, RequestItem.state == "open"
            )
            decided = (
                select(CertificateRequest.id)
                .join(OrgUnit, OrgUnit.id == CertificateRequest.unit_id)
                .where(OrgUnit.id.in_(units), OrgUnit.valid_to < OrgUnit.valid_from, ~is_open)
            )
            left = db.session.scalar(decided.limit(1))
            if left is not None:
                raise Conflict(
                    N_("Đề nghị số %(id)d của đơn vị mới đã được xử lý, nên không hoàn tác được."),
                    id=left,
                )

    def _move(self, units: frozenset[int], people: frozenset[int]) -> None:
        is_open = RequestItem.state == "open"
        concerned = select(RequestItem.request_id).where(is_open, RequestItem.person_id.in_(people))
        paths: dict[int, list[str]] = defaultdict(list)
        filed: dict[int, tuple[str, int | None]] = {}
        rows = db.session.execute(
            select(
                CertificateRequest.id,
                CertificateRequest.unit_path,
                CertificateRequest.job_id,
                Person.unit_path.label("path"),
            )
            .join(RequestItem, RequestItem.request_id == CertificateRequest.id)
            .join(Person, Person.id == RequestItem.person_id)
            .where(
                is_open,
                or_(CertificateRequest.unit_id.in_(units), CertificateRequest.id.in_(concerned)),
            )
            .distinct()
        )
        for row in rows:
            paths[row.id].append(row.path)
            filed[row.id] = (row.unit_path, row.job_id)
        for request_id, found in paths.items():
            body, (path, job_id) = body_over(found), filed[request_id]
            if body is None or body.path == path:
                continue
            db.session.execute(
                update(CertificateRequest)
                .where(CertificateRequest.id == request_id)
                .values(unit_id=body.id, unit_path=body.path)
            )
            if job_id is not None:
                self._jobs.rescope(job_id, body.path)


def certified_in(unit_ids: list[int]) -> dict[int, int]:
    """How many people of each of these units hold a certificate in force or held."""
    rows = db.session.execute(
        select(Person.unit_id, func.count(Person.id.distinct()))
        .join(SigningKey, SigningKey.person_id == Person.id)
        .join(Certificate, Certificate.id == SigningKey.certificate_id)
        .where(
            Person.unit_id.in_(unit_ids),
            SigningKey.state != "retired",
            Certificate.state.in_(COUNTING),
        )
        .group_by(Person.unit_id)
    )
    return {row[0]: row[1] for row in rows}
