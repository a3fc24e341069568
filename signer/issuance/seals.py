"""The seals of bodies: asked for by one person, approved by another, kept by a third, ended.

Decree 30/2020, article 32: the body's key is kept by its clerk, who gets it under an own PIN;
another keeper gets another key and certificate, on a paper of hand-over, and the old one ends.
"""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from signer.accounts import Actor, Permission, visible
from signer.audit import Audit
from signer.ca.authority import Authority
from signer.ca.issuing import IssueOrder
from signer.ca.models import Certificate, CertificateState
from signer.ca.names import SubjectFacts
from signer.clock import Clock
from signer.config import Settings
from signer.db import advisory_lock, changed, db, move_state, release, transaction
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound, SignerError, Unavailable
from signer.inventory.models import OrgUnit, Person
from signer.inventory.policy import rules
from signer.inventory.service import Inventory
from signer.issuance.grounds import BODY_GROUNDS, GROUNDS, Ground
from signer.issuance.keys import retire_keys
from signer.issuance.models import Seal, SigningKey
from signer.issuance.seal_views import SealView, seal_rows, views_of
from signer.jobs import Jobs
from signer.pkcs11.vault import Vault

SEAL_JOB_KIND = "seal"
PROFILE = "organisation-seal"
SEAL_INTENT = "seal-"
_LOCK = 0x5EA1  # any fixed number: who makes a seal's key, among PostgreSQL's advisory locks
_LONGEST_REF, _LONGEST_REASON = 100, 500


class Seals:
    """Asks for seals, issues them, hands them over and ends them."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        audit: Audit,
        jobs: Jobs,
        inventory: Inventory,
        vault: Vault,
        authority: Authority,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._inventory = inventory
        self._vault = vault
        self._authority = authority

    # Asked for and decided -----------------------------------------------------------------------

    def create(
        self, actor: Actor, *, unit_code: str, keeper_code: str, document_ref: str, reason: str
    ) -> int:
        """The id of a request for a body's seal, which waits for a second person.

        Of a body that has one in force, it is a hand-over. `Invalid` for a unit without legal
        status and seal (R22) and for a keeper who may not sign.
        """
        unit = self._inventory.unit_of(unit_code)
        actor.require(Permission.REQUEST_CREATE, unit.path)
        if actor.account_id is None:
            raise Forbidden(N_("Việc này phải do một người có tài khoản đề nghị."))
        if not (unit.has_legal_status and unit.has_seal):
            raise Invalid(
                N_("Đơn vị này không có tư cách pháp nhân và con dấu riêng."), field="unit_code"
            )
        document_ref, reason = document_ref.strip(), reason.strip()
        if not 0 < len(document_ref) <= _LONGEST_REF:
            raise Invalid(N_("Hãy ghi số, ký hiệu văn bản làm căn cứ."), field="document_ref")
        if len(reason) > _LONGEST_REASON:
            raise Invalid(N_("Lý do không quá 500 ký tự."), field="reason")
        keeper = db.session.scalar(select(Person).where(Person.code == keeper_code.strip().upper()))
        if keeper is None or not keeper.unit_path.startswith(unit.path):
            raise Invalid(
                N_("Người giữ con dấu phải là cán bộ của chính cơ quan này."), field="keeper_code"
            )
        if not rules()[keeper.state].may_sign:
            raise Invalid(
                N_("Người này không còn ở trạng thái công tác được ký số."), field="keeper_code"
            )
        row = Seal(
            unit_id=unit.id,
            unit_path=unit.path,
            keeper_id=keeper.id,
            state="pending",
            document_ref=document_ref,
            reason=reason,
            requester_id=actor.account_id,
            requested_by=actor.display_name,
            requested_at=self._clock.now(),
        )
        with transaction():
            db.session.add(row)
            try:
                db.session.flush()
            except IntegrityError as error:
                raise Conflict(
                    N_("Cơ quan này đã có một đề nghị về con dấu chưa giải quyết xong.")
                ) from error
            self._audit.record(
                actor.name,
                "seal.requested",
                f"seal:{row.id}",
                unit=unit.code,
                keeper=keeper.code,
                document=document_ref,
            )
        return row.id

    def hand_over(self, actor: Actor, seal_id: int, keeper_code: str, document_ref: str) -> int:
        """A request whose approval makes a new key for the keeper and ends this seal's."""
        seal = self.view_of(actor, seal_id)
        if seal.state != "ready":
            raise Conflict(N_("Chỉ bàn giao được con dấu số đang có hiệu lực."))
        return self.create(
            actor,
            unit_code=seal.unit_code,
            keeper_code=keeper_code,
            document_ref=document_ref,
            reason="",
        )

    def approve(self, actor: Actor, seal_id: int, note: str = "") -> int:
        """The seal is approved and its job waits for a worker; returns the job's id."""
        seal = self._to_decide(actor, seal_id)
        with transaction():
            self._decide(actor, seal, "approved", note)
            job_id = self._jobs.create(
                SEAL_JOB_KIND,
                [str(seal_id)],
                actor=actor.name,
                title=N_("Cấp con dấu số của cơ quan"),
                scope_path=seal.unit_path,
            )
            db.session.execute(update(Seal).where(Seal.id == seal_id).values(job_id=job_id))
        return job_id

    def reject(self, actor: Actor, seal_id: int, reason: str) -> None:
        """The request is over; another one may be made."""
        if not reason.strip():
            raise Invalid(N_("Hãy ghi lý do không duyệt."), field="note")
        seal = self._to_decide(actor, seal_id)
        with transaction():
            self._decide(actor, seal, "rejected", reason)

    def cancel(self, actor: Actor, seal_id: int) -> None:
        """Its requester takes back what nobody has decided on yet."""
        if self.view_of(actor, seal_id).requester_id != actor.account_id:
            raise Forbidden(N_("Chỉ người lập đề nghị được rút lại đề nghị này."))
        with transaction():
            move_state(Seal, seal_id, "pending", "cancelled")
            self._audit.record(actor.name, "seal.cancelled", f"seal:{seal_id}")

    def _to_decide(self, actor: Actor, seal_id: int) -> Seal:
        self.view_of(actor, seal_id)
        seal = db.session.get_one(Seal, seal_id)
        actor.require(Permission.REQUEST_APPROVE, seal.unit_path)
        if actor.account_id is None or seal.requester_id == actor.account_id:
            raise Forbidden(N_("Người lập đề nghị không được tự duyệt đề nghị của mình."))
        return seal

    def _decide(self, actor: Actor, seal: Seal, to: str, note: str) -> None:
        move_state(
            Seal,
            seal.id,
            "pending",
            to,
            approver_id=actor.account_id,
            decided_by=actor.display_name,
            decided_at=self._clock.now(),
            note=note.strip() or None,
        )
        self._audit.record(actor.name, f"seal.{to}", f"seal:{seal.id}")

    # Issued --------------------------------------------------------------------------------------

    def issue_items(self, keys: Sequence[str]) -> dict[str, SignerError]:
        """Every approved seal of these ids is in force, its predecessor ended; or the reason why.

        Idempotent: whatever was stored before a crash is taken up. `Unavailable` when the HSM is
        away, with nothing lost.
        """
        failures: dict[str, SignerError] = {}
        for key in keys:
            try:
                self._issue(int(key))
            except Unavailable:
                raise
            except SignerError as error:
                failures[key] = error
        self.resume()
        return failures

    def resume(self) -> int:
        """How many seals were still to be ended; all of them are."""
        ids = db.session.scalars(select(Seal.id).where(Seal.state == "ending")).all()
        for seal_id in ids:
            self._finish_ending(seal_id)
        return len(ids)

    def _issue(self, seal_id: int) -> None:
        row = db.session.execute(
            select(Seal.state, OrgUnit.name, Person.state.label("keeper_state"))
            .join(OrgUnit, OrgUnit.id == Seal.unit_id)
            .join(Person, Person.id == Seal.keeper_id)
            .where(Seal.id == seal_id)
        ).first()
        if row is None or row.state != "approved":
            return
        if not rules()[row.keeper_state].may_sign:
            raise Conflict(N_("Người giữ con dấu không còn ở trạng thái công tác được ký số."))
        key_id, public_key_der = self._key_of(seal_id)
        subject = SubjectFacts(  # domain.md 2.2: CN=<TÊN CƠ QUAN>, O=<cơ quan chủ quản>, L, C
            common_name=row.name.upper(),
            organisation=self._settings.organisation,
            units=(),
            locality=self._settings.locality,
            country="VN",
        )
        order = IssueOrder(
            intent=f"{SEAL_INTENT}{seal_id}",
            subject=subject,
            public_key_der=public_key_der,
            profile=PROFILE,
        )
        (made,) = self._authority.issue_many([order], actor="system")
        if isinstance(made, SignerError):
            raise made
        self._settle(seal_id, key_id, made.id, made.serial_hex)

    def _key_of(self, seal_id: int) -> tuple[int, bytes]:
        """The seal's key, stored wrapped before anything is certified."""
        statement = select(SigningKey.id, SigningKey.public_key_der).where(
            SigningKey.seal_id == seal_id
        )
        found = db.session.execute(statement).first()
        if found is None:
            release()
            fresh = self._vault.generate()
            with transaction():
                advisory_lock(_LOCK)
                found = db.session.execute(statement).first()
                if found is None:
                    key = SigningKey(
                        seal_id=seal_id,
                        generation=1,
                        state="new",
                        wrapped=fresh.wrapped,
                        kek=fresh.kek,
                        public_key_der=fresh.public_key_der,
                        created_at=self._clock.now(),
                    )
                    db.session.add(key)
                    db.session.flush()
                    return key.id, fresh.public_key_der
        key_id, public_key_der = found
        release()
        return key_id, public_key_der

    def _settle(self, seal_id: int, key_id: int, certificate_id: int, serial_hex: str) -> None:
        """Key, certificate and seal count together; the one before is on its way out."""
        with transaction():
            self._audit.record("system", "seal.certified", f"seal:{seal_id}", serial=serial_hex)
            seal = db.session.get_one(Seal, seal_id, populate_existing=True)
            before = db.session.scalar(
                select(Seal.id).where(Seal.unit_id == seal.unit_id, Seal.state == "ready")
            )
            if before is not None:
                move_state(
                    Seal,
                    before,
                    "ready",
                    "ending",
                    end_ground=Ground.NEW_POSITION,
                    end_document_ref=seal.document_ref,
                    ended_by=seal.requested_by,
                )
            move_state(SigningKey, key_id, "new", "ready", certificate_id=certificate_id)
            move_state(Seal, seal_id, "approved", "ready", error=None)
            changed("seal", [seal_id])

    # Ended ---------------------------------------------------------------------------------------

    def end(self, actor: Actor, seal_id: int, *, ground: Ground, document_ref: str) -> None:
        """The seal signs no more and its certificate is revoked; the order is stored first."""
        seal = self.view_of(actor, seal_id)
        row = db.session.get_one(Seal, seal_id)
        actor.require(Permission.CERTIFICATE_REVOKE, row.unit_path)
        if ground not in BODY_GROUNDS:
            raise Invalid(N_("Hãy chọn lý do thu hồi."), field="ground")
        if not document_ref.strip():
            raise Invalid(N_("Hãy ghi số, ký hiệu văn bản làm căn cứ."), field="document_ref")
        with transaction():
            move_state(
                Seal,
                seal_id,
                "ready",
                "ending",
                end_ground=ground,
                end_document_ref=document_ref.strip()[:_LONGEST_REF],
                ended_by=actor.display_name,
            )
            self._audit.record(
                actor.name, "seal.ended", f"seal:{seal_id}", unit=seal.unit_code, ground=ground
            )
        self._finish_ending(seal_id)

    def _finish_ending(self, seal_id: int) -> None:
        """The certificate is revoked and the key retired, whoever else does it at the same time."""
        row = db.session.execute(
            select(SigningKey.id, Certificate.serial_hex, Certificate.state, Seal.end_ground)
            .join(SigningKey, SigningKey.seal_id == Seal.id)
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .where(Seal.id == seal_id)
        ).one()
        release()
        if row.state != CertificateState.REVOKED:
            reason = GROUNDS[Ground(row.end_ground)].reason
            with suppress(Conflict):  # revoked by another process since it was read
                self._authority.revoke(int(row.serial_hex, 16), reason, "system")
        with suppress(Conflict), transaction():
            move_state(Seal, seal_id, "ending", "ended", ended_at=self._clock.now())
            retire_keys(SigningKey.id == row.id)
            changed("seal", [seal_id])

    # Looked at -----------------------------------------------------------------------------------

    def page(self, actor: Actor, *, before: int | None = None, limit: int = 50) -> list[SealView]:
        """The newest seals of the actor's units first; `before` is the last id above."""
        statement = seal_rows().order_by(Seal.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(Seal.id < before)
        return views_of(visible(actor, Permission.REQUEST_VIEW, statement, Seal.unit_path))

    def view_of(self, actor: Actor, seal_id: int) -> SealView:
        """One seal; `NotFound` also when it lies outside the actor's units."""
        statement = seal_rows().where(Seal.id == seal_id)
        for found in views_of(visible(actor, Permission.REQUEST_VIEW, statement, Seal.unit_path)):
            return found
        raise NotFound(N_("Không tìm thấy con dấu số này."))

    def seals_kept_by(self, person_id: int) -> list[SealView]:
        """The seals in force that this person keeps."""
        return views_of(seal_rows().where(Seal.keeper_id == person_id, Seal.state == "ready"))
