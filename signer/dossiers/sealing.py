"""What a body does with its seal on a document: which body, by whose hands, and in which order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, false, func, or_, select, update

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.ca.models import Certificate
from signer.db import Changes, db, move_state, release, transaction
from signer.dossiers.models import Document, Dossier, Step, StepKind
from signer.dossiers.turns import pass_on
from signer.dossiers.views import DocumentView, StepView
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import OrgUnit, Person
from signer.issuance.models import Seal, SigningKey
from signer.signing.models import Signature
from signer.signing.scans import require_scan
from signer.signing.service import Signing
from signer.signing.validation import VerdictClass

AGENCY_KINDS = frozenset(StepKind) - {StepKind.SIGN, StepKind.INITIAL}
WITHOUT_SIGNERS = frozenset({StepKind.COPY, StepKind.INCOMING})
"""What a body does alone: a copy that it made itself, a paper that came in (R40, R42)."""

_UNSIGNED = N_(
    "Chưa có chữ ký hợp lệ của người có thẩm quyền trên tài liệu, nên chưa đóng dấu được."
)
_BROKEN = N_("Tài liệu có chữ ký không hợp lệ nên không đóng dấu. Hãy trả lại tài liệu kèm lý do.")
_NO_MAIN = N_(
    "Văn bản chính của hồ sơ chưa được đóng dấu, nên chưa đóng dấu phụ lục, văn bản kèm theo được."
)


@dataclass(frozen=True, kw_only=True)
class SealWish:
    """Which body's seal is wanted at the end, and for what."""

    unit_code: str
    kind: StepKind = StepKind.SEAL


@dataclass(frozen=True, kw_only=True)
class Body:
    """A body with a seal in force, and whoever keeps it."""

    unit_id: int
    unit_code: str
    unit_name: str
    unit_path: str
    keeper_id: int
    keeper_name: str


class Sealing:
    """Adds a body's step to a document, takes it back, and refuses what is out of order."""

    def __init__(
        self,
        audit: Audit,
        files: Files,
        signing: Signing,
        read: Callable[[Actor, Sequence[int]], list[DocumentView]],
    ) -> None:
        """`read` gives the documents that the actor may see; `NotFound` for another one."""
        self._audit = audit
        self._files = files
        self._signing = signing
        self._read = read

    def bodies(self, actor: Actor) -> list[Body]:
        """Those whose seal the actor may ask for: of the own units, and of the bodies above."""
        scopes = actor.scopes(Permission.DOSSIER_CREATE)
        return [
            body
            for body in _bodies()
            if any(body.unit_path.startswith(s) or s.startswith(body.unit_path) for s in scopes)
        ]

    def body_of(self, actor: Actor, unit_code: str) -> Body:
        """The body with this code; `Invalid` without a seal that the actor may ask for."""
        for body in self.bodies(actor):
            if body.unit_code == unit_code:
                return body
        raise Invalid(
            N_("Cơ quan %(code)s chưa có con dấu số, hoặc không phải cơ quan của bạn."),
            field="seal_unit",
            code=unit_code,
        )

    def add(self, actor: Actor, document_id: int, kind: StepKind, unit_code: str) -> None:
        """The body's step comes after all others of the document; at once when none waits.

        `Conflict` for a document that was returned, or that the seal is wanted on already.
        """
        (document,) = self._read(actor, [document_id])
        _require_drafter(actor, document)
        if kind not in AGENCY_KINDS:
            raise Invalid(N_("Hãy chọn việc cần cơ quan thực hiện."), field="kind")
        body = self.body_of(actor, unit_code)
        if document.state == "returned":
            raise Conflict(N_("Tài liệu đã bị trả lại; hãy lập hồ sơ mới."))
        if any(
            (step.kind, step.unit_id) == (kind, body.unit_id) and step.state != "withdrawn"
            for step in document.steps
        ):
            raise Conflict(N_("Tài liệu đã có bước này của cơ quan."))
        if kind is StepKind.SEAL and not any(s.kind is StepKind.SIGN for s in document.steps):
            raise Invalid(_UNSIGNED, field="kind")
        if kind is StepKind.APPENDIX:
            self._require_main(document)
        if kind is StepKind.COPY:
            self._require_scan(document)
        self._store(actor, document, kind, body)

    def _store(self, actor: Actor, document: DocumentView, kind: StepKind, body: Body) -> None:
        with transaction():
            self._audit.record(
                actor.name,
                "document.step_added",
                f"document:{document.id}",
                kind=kind,
                unit=body.unit_code,
            )
            last, left = _steps_of(document.id)
            db.session.add(
                Step(
                    document_id=document.id,
                    position=last + 1,
                    kind=kind,
                    unit_id=body.unit_id,
                    person_id=body.keeper_id,
                    state="blocked" if left else "waiting",
                )
            )
            if not left:
                move_state(Document, document.id, "signed", "waiting")
                db.session.execute(
                    update(Dossier)
                    .where(Dossier.id == document.dossier_id, Dossier.state == "done")
                    .values(state="open")
                    .execution_options(synchronize_session="fetch")
                )

    def take_back(self, actor: Actor, document_id: int, step_id: int) -> None:
        """The body's step is wanted no more; the document goes on to what comes after it."""
        (document,) = self._read(actor, [document_id])
        _require_drafter(actor, document)
        found = [step for step in document.steps if step.id == step_id]
        if not found or found[0].kind not in AGENCY_KINDS:
            raise NotFound(N_("Tài liệu không có bước này của cơ quan."))
        (step,) = found
        if all(other is step or other.state == "withdrawn" for other in document.steps):
            raise Conflict(N_("Đây là bước duy nhất của tài liệu nên không rút lại được."))
        with transaction():
            self._audit.record(
                actor.name,
                "document.step_withdrawn",
                f"document:{document_id}",
                kind=step.kind,
                unit=step.unit_code or "",
            )
            move_state(Step, step.id, ("blocked", "waiting"), "withdrawn")
            if step.state == "waiting":
                pass_on(document, step.position)

    def require_order(self, document: DocumentView, step: StepView) -> None:
        """`Forbidden` or `Invalid` when the body may not put its seal to this document yet (R40).

        Decree 30/2020, article 32: a body's signature goes on what the competent person signed,
        and on copies that the body itself made.
        """
        match step.kind:
            case StepKind.SEAL:
                self._require_signed(document)
            case StepKind.COPY:
                self._require_scan(document)
            case StepKind.APPENDIX:
                self._require_main(document)
            case StepKind.INCOMING if self._is_broken(document):
                # Decree 30/2020, article 21.2: what came in is checked, or else returned.
                raise Forbidden(_BROKEN)

    def last_signature(self, document: DocumentView) -> tuple[str | None, int | None]:
        """(field, person) of the official who signed the document last."""
        signed = _signatures_of(document)
        return (signed[-1].field_name, signed[-1].person_id) if signed else (None, None)

    def _require_signed(self, document: DocumentView) -> None:
        ours = {int(one.serial_hex, 16) for one in _signatures_of(document)}
        verdict = self._signing.verify_stored(document.sha256)
        if verdict.verdict is VerdictClass.INVALID:
            raise Forbidden(_BROKEN)
        valid = {
            int(one.serial_hex, 16)
            for one in verdict.signatures
            if one.verdict is VerdictClass.VALID and one.kind == "signature"
        }
        if not ours & valid:
            raise Forbidden(_UNSIGNED)

    def _is_broken(self, document: DocumentView) -> bool:
        return self._signing.verify_stored(document.sha256).verdict is VerdictClass.INVALID

    def _require_scan(self, document: DocumentView) -> None:
        release()
        with self._files.path(document.sha256) as path:
            require_scan(path)

    def _require_main(self, document: DocumentView) -> None:
        main = (
            select(Step.id)
            .join(Document, Document.id == Step.document_id)
            .where(
                Document.dossier_id == document.dossier_id,
                Step.kind == StepKind.SEAL,
                Step.state == "signed",
            )
        )
        if db.session.scalar(main.limit(1)) is None:
            raise Forbidden(_NO_MAIN)


def follow_seals(changes: Changes) -> None:
    """What waits for a body's seal waits for its present keeper."""
    ids = changes.get("seal")
    if not ids:
        return
    for unit_id, keeper_id in db.session.execute(
        select(Seal.unit_id, Seal.keeper_id).where(Seal.id.in_(ids), Seal.state == "ready")
    ).all():
        db.session.execute(
            update(Step)
            .where(Step.unit_id == unit_id, Step.state.in_(("blocked", "waiting")))
            .values(person_id=keeper_id)
            .execution_options(synchronize_session=False)
        )


def _bodies() -> list[Body]:
    rows = db.session.execute(
        select(
            OrgUnit.id.label("unit_id"),
            OrgUnit.code.label("unit_code"),
            OrgUnit.name.label("unit_name"),
            OrgUnit.path.label("unit_path"),
            Person.id.label("keeper_id"),
            Person.full_name.label("keeper_name"),
        )
        .join(Seal, Seal.unit_id == OrgUnit.id)
        .join(Person, Person.id == Seal.keeper_id)
        .where(Seal.state == "ready")
        .order_by(OrgUnit.path)
    ).mappings()
    return [Body(**row) for row in rows]


def _require_drafter(actor: Actor, document: DocumentView) -> None:
    path = db.session.scalar(select(Dossier.unit_path).where(Dossier.id == document.dossier_id))
    actor.require(Permission.DOSSIER_CREATE, path)


def _steps_of(document_id: int) -> tuple[int, int]:
    """(last position, how many are still to be done)."""
    last = db.session.scalar(select(func.max(Step.position)).where(Step.document_id == document_id))
    left = db.session.scalar(
        select(func.count(Step.id)).where(
            Step.document_id == document_id,
            Step.state.in_(("blocked", "waiting", "stamping")),
        )
    )
    return last or 0, left or 0


def _signatures_of(document: DocumentView) -> Sequence[Row[str | None, int, str]]:
    """Field, person and certificate of each official who signed, in order."""
    done = [s for s in document.steps if s.kind is StepKind.SIGN and s.state == "signed"]
    return db.session.execute(
        select(Signature.field_name, Signature.person_id, Certificate.serial_hex)
        .join(SigningKey, SigningKey.id == Signature.signing_key_id)
        .join(Certificate, Certificate.id == SigningKey.certificate_id)
        .where(
            Signature.state == "done",
            or_(false(), *(Signature.intent.startswith(f"step-{step.id}-") for step in done)),
        )
        .order_by(Signature.id)
    ).all()
