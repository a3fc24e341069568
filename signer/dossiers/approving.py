"""Documents chosen, shown or expressly not, approved as one list, and signed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from signer.accounts import Actor
from signer.clock import HANOI, Clock
from signer.db import LOST_RACE, Base, db, move_state, transaction
from signer.dossiers.models import Document, DocumentShowing, DocumentVersion, Step, StepKind
from signer.dossiers.sealing import Sealing
from signer.dossiers.turns import own_step, pass_on
from signer.dossiers.views import DocumentView, StepView
from signer.errors import N_, Conflict, Forbidden, Invalid, SignerError
from signer.issuance.keys import unit_of_key
from signer.signing.appearance import COPY_FORMS, MISSING, AppearanceKind
from signer.signing.approvals import Factor, Place, Wish
from signer.signing.geometry import Box
from signer.signing.levels import Level
from signer.signing.looks import Look
from signer.signing.pdf import SignedPdf
from signer.signing.placement import Placement, PlacementReason
from signer.signing.service import Signing

CHANGED = N_("Tài liệu đã thay đổi so với lúc bạn xem; hãy mở lại tài liệu.")
_NOT_YOURS = N_("Tài liệu này không chờ chữ ký của bạn.")
_FACT_LENGTH = 100
_VERSIONS = Base.metadata.tables[DocumentVersion.__tablename__]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A document that its signer chose; without page or field the place is the proposed one."""

    document_id: int
    shown_sha256: str
    page: int | None = None
    box: Box | None = None
    field_name: str | None = None
    unseen: bool = False
    """To be signed expressly without having been looked at."""
    number: str = ""
    """Of the main document, for an appendix; among those that came in, for one of them."""
    copy_form: str = ""
    """SAO Y, SAO LỤC or TRÍCH SAO, for a copy."""
    forwarded_to: str = ""
    file_symbol: str = ""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The list as it will be approved; `passkey` is WebAuthn's request options as JSON."""

    activation_id: int
    list_sha256: str
    documents: tuple[DocumentView, ...]
    expires_at: datetime
    passkey: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class BatchOutcome:
    """(document, SHA-256 of its newest version or None, why not) in the order of the list."""

    results: tuple[tuple[int, str | None, SignerError | None], ...]


class Approving:
    """Offers lists to their signers and stores what came of them."""

    def __init__(
        self,
        clock: Clock,
        signing: Signing,
        sealing: Sealing,
        read: Callable[[Actor, Sequence[int]], list[DocumentView]],
    ) -> None:
        """`read` gives the documents that the actor may see; `NotFound` for another one."""
        self._clock = clock
        self._signing = signing
        self._sealing = sealing
        self._read = read

    def note_shown(self, actor: Actor, document_id: int, sha256: str) -> None:
        """It is on record that the actor had these bytes on the screen; `Conflict` for others."""
        (document,) = self._read(actor, [document_id])
        if sha256 not in {version.sha256 for version in document.versions}:
            raise Conflict(CHANGED)
        person_id = self._signing.person_of(actor).id
        key = (person_id, document_id, sha256)
        if db.session.get(DocumentShowing, key) is not None:
            return
        with transaction():
            if db.session.get(DocumentShowing, key) is None:
                db.session.add(
                    DocumentShowing(
                        person_id=person_id,
                        document_id=document_id,
                        sha256=sha256,
                        shown_at=self._clock.now(),
                    )
                )

    def shown(self, actor: Actor, versions: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Those of the (document, SHA-256) that the actor had on the screen."""
        rows = db.session.execute(
            select(DocumentShowing.document_id, DocumentShowing.sha256).where(
                DocumentShowing.person_id == self._signing.person_of(actor).id,
                tuple_(DocumentShowing.document_id, DocumentShowing.sha256).in_(versions),
            )
        ).all()
        return {(row.document_id, row.sha256) for row in rows}

    def offer(self, actor: Actor, wanted: Sequence[Wanted]) -> Offer:
        """The list waits some minutes for the actor's factor; refused when one of it may not be.

        It is the actor's turn, the document is the one shown, it was shown or is signed expressly
        unseen, and it is in order for a body's seal. One list is for one key: the actor's own, or
        that of one seal.
        """
        self._signing.require_list_length(len(wanted))  # each of them is read, page by page
        person = self._signing.person_of(actor)
        documents = self._read(actor, [one.document_id for one in wanted])
        seen = self.shown(actor, [(one.document_id, one.shown_sha256) for one in wanted])
        steps = [own_step(document, person.id) for document in documents]
        units = {step.unit_id for step in steps}
        if len(units) > 1:
            raise Invalid(
                N_(
                    "Mỗi lần chỉ ký bằng chữ ký của bạn, hoặc bằng con dấu của một cơ quan;"
                    " hãy chọn riêng."
                ),
                field="documents",
            )
        wishes = []
        for one, document, step in zip(wanted, documents, steps, strict=True):
            refusal = _refusal(document, step, one.shown_sha256)
            if refusal is not None:
                raise refusal
            if not one.unseen and (one.document_id, one.shown_sha256) not in seen:
                raise Invalid(
                    N_("Bạn chưa xem tài liệu “%(name)s”; hãy mở xem hoặc chọn ký không cần xem."),
                    field="documents",
                    name=document.file_name,
                )
            self._sealing.require_order(document, step)
            look = look_of(step, one)
            wishes.append(
                Wish(
                    intent=intent_of(step, document.sha256),
                    input_sha256=document.sha256,
                    place=self._place(actor, document, step, one, look),
                    document_id=document.id,
                    unseen=one.unseen,
                    look=look,
                )
            )
        (unit_id,) = units
        approval, passkey = self._signing.offer(person, actor.name, wishes, unit_id=unit_id)
        return Offer(
            activation_id=approval.id,
            list_sha256=approval.list_sha256,
            documents=tuple(documents),
            expires_at=approval.expires_at,
            passkey=passkey,
        )

    def sign_batch(self, actor: Actor, activation_id: int, factor: Factor) -> BatchOutcome:
        """Each document of the list has the actor's signature, or its reason why not.

        One factor for all of them, used once; a wrong PIN costs one try. A list that was used
        answers with what came of it.
        """
        person = self._signing.person_of(actor)
        approval = self._signing.approval_of(person, activation_id)
        unit_id = unit_of_key(approval.key_id)
        ids = [wish.document_id for wish in approval.wishes if wish.document_id is not None]
        documents = {document.id: document for document in self._read(actor, ids)}
        steps: dict[str, StepView] = {}
        refused: dict[str, SignerError] = {}
        for wish in approval.wishes:
            if wish.document_id is None:
                raise Conflict(CHANGED)  # a list of files is signed elsewhere
            document = documents[wish.document_id]
            step = _step_of_wish(document, wish)
            if step is None or not _is_for(step, wish, person.id, unit_id):
                refused[wish.intent] = Forbidden(_NOT_YOURS)
                continue
            steps[wish.intent] = step
            refusal = _refusal(document, step, wish.input_sha256)
            if refusal is not None:
                refused[wish.intent] = refusal

        def store(wish: Wish, signed: SignedPdf) -> None:
            self._advance(actor, documents[wish.document_id or 0], steps[wish.intent], signed)

        outcomes = self._signing.sign_list(
            person, actor.name, activation_id, factor, refused=refused, store=store
        )
        return BatchOutcome(
            results=tuple((one.wish.document_id or 0, one.sha256, one.error) for one in outcomes)
        )

    def place_of(self, actor: Actor, wanted: Wanted) -> Placement:
        """Where the mark of the actor's step is proposed; refused when it may not be put there."""
        (document,) = self._read(actor, [wanted.document_id])
        step = own_step(document, self._signing.person_of(actor).id)
        self._sealing.require_order(document, step)
        return self._proposed(actor, document, step, look_of(step, wanted))

    def _proposed(
        self, actor: Actor, document: DocumentView, step: StepView, look: Look | None
    ) -> Placement:
        if look is None:
            return self._signing.propose(actor, document.sha256)
        field, person_id = None, step.person_id if step.unit_id is None else None
        if look.kind is AppearanceKind.SEAL:
            field, person_id = self._sealing.last_signature(document)
        return self._signing.propose_look(
            document.sha256, step.unit_id, look, field, person_id=person_id
        )

    def _place(
        self, actor: Actor, document: DocumentView, step: StepView, one: Wanted, look: Look | None
    ) -> Place:
        chosen = one.page is not None and (one.box is not None or one.field_name is not None)
        if chosen and step.unit_id is None:
            return Place(page=one.page or 1, box=one.box, field_name=one.field_name)
        found = self._proposed(actor, document, step, look)
        if not chosen and found.reason is PlacementReason.CROWDED:
            raise Invalid(
                N_(
                    "Trang đầu của “%(name)s” không còn chỗ trống: hãy mở tài liệu, dời khung đến"
                    " chỗ không che chữ rồi ký riêng."
                ),
                field="documents",
                name=document.file_name,
            )
        if not chosen or one.box is None:
            return Place(page=found.page, box=found.box, field_name=found.field_name)
        # Only the place is chosen: a seal has its real size (R39), a text the size of its letters.
        left, top = one.box.x0, one.box.y1
        box = Box(x0=left, y0=top - found.box.height, x1=left + found.box.width, y1=top)
        return Place(page=one.page or 1, box=box)

    def _advance(
        self, actor: Actor, document: DocumentView, step: StepView, signed: SignedPdf
    ) -> None:
        """In the outcome's transaction: step signed, version stored, the next one's turn."""
        now = self._clock.now()
        waits = self._signing.waits_for_stamp(signed)
        move_state(Step, step.id, "waiting", "stamping" if waits else "signed", acted_at=now)
        local = now.astimezone(HANOI).strftime("%Y%m%d_%H%M%S")
        version = insert(_VERSIONS).values(
            document_id=document.id,
            number=document.versions[-1].number + 1,
            sha256=signed.sha256,
            size_bytes=signed.size_bytes,
            file_name=f"{document.file_name.removesuffix('.pdf')}_daky_{local}.pdf",
            created_by=actor.display_name,
            created_at=now,
        )
        try:
            db.session.execute(version)
        except IntegrityError as error:  # somebody made another version meanwhile
            raise Conflict(LOST_RACE) from error
        if signed.level is Level.B_LTA:
            db.session.execute(
                update(Document)
                .where(Document.id == document.id)
                .values(protected_until=self._signing.protects_until)
            )
        if not waits:
            pass_on(document, step.position)


def intent_of(step: StepView, sha256: str) -> str:
    """The name of the act: this step on these bytes."""
    return f"step-{step.id}-{sha256}"


def look_of(step: StepView, wanted: Wanted) -> Look | None:
    """What the step leaves on the page; None for a person's own signature.

    `Invalid` names a fact that the look must show and that is missing.
    """
    if step.kind is StepKind.SIGN:
        return None
    if step.kind is StepKind.COPY and wanted.copy_form not in COPY_FORMS:
        raise Invalid(MISSING["copy_form"], field="copy_form")
    number = wanted.number.strip()
    if step.kind in (StepKind.APPENDIX, StepKind.INCOMING) and not number:
        raise Invalid(MISSING["number"], field="number")
    for name, text in (
        ("number", number),
        ("forwarded_to", wanted.forwarded_to),
        ("file_symbol", wanted.file_symbol),
    ):
        if len(text) > _FACT_LENGTH:
            raise Invalid(
                N_("Nội dung này dài quá %(limit)s ký tự."), field=name, limit=_FACT_LENGTH
            )
    return Look(
        kind=AppearanceKind(step.kind),
        number=number,
        copy_form=wanted.copy_form,
        forwarded_to=wanted.forwarded_to.strip(),
        file_symbol=wanted.file_symbol.strip(),
    )


def _step_of_wish(document: DocumentView, wish: Wish) -> StepView | None:
    for step in document.steps:
        if intent_of(step, wish.input_sha256) == wish.intent:
            return step
    return None


def _is_for(step: StepView, wish: Wish, person_id: int, unit_id: int | None) -> bool:
    """The step still waits for this person, this key and this mark: a seal may have been handed
    over since it was offered, and rows may have been written by somebody else."""
    kind = StepKind.SIGN if wish.look is None else StepKind(wish.look.kind)
    return (step.person_id, step.unit_id, step.kind) == (person_id, unit_id, kind)


def _refusal(document: DocumentView, step: StepView, sha256: str) -> SignerError | None:
    if step.state != "waiting":
        return Forbidden(N_("Chưa đến lượt bạn ký tài liệu này, hoặc tài liệu đã bị trả lại."))
    if document.sha256 != sha256:
        return Conflict(CHANGED)
    return None
