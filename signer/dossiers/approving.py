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
from signer.dossiers.models import Document, DocumentShowing, DocumentVersion, Dossier, Step
from signer.dossiers.views import DocumentView, StepView
from signer.errors import N_, Conflict, Forbidden, Invalid, SignerError
from signer.signing.approvals import Factor, Place, Wish
from signer.signing.geometry import Box
from signer.signing.levels import Level
from signer.signing.pdf import SignedPdf
from signer.signing.service import Signing

CHANGED = N_("Tài liệu đã thay đổi so với lúc bạn xem; hãy mở lại tài liệu.")
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
        read: Callable[[Actor, Sequence[int]], list[DocumentView]],
    ) -> None:
        """`read` gives the documents that the actor may see; `NotFound` for another one."""
        self._clock = clock
        self._signing = signing
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

        It is the actor's turn, the document is the one shown, and it was shown or is signed
        expressly unseen.
        """
        self._signing.require_list_length(len(wanted))  # each of them is read, page by page
        person = self._signing.person_of(actor)
        documents = self._read(actor, [one.document_id for one in wanted])
        seen = self.shown(actor, [(one.document_id, one.shown_sha256) for one in wanted])
        wishes = []
        for one, document in zip(wanted, documents, strict=True):
            step = own_step(document, person.id)
            refusal = _refusal(document, step, one.shown_sha256)
            if refusal is not None:
                raise refusal
            if not one.unseen and (one.document_id, one.shown_sha256) not in seen:
                raise Invalid(
                    N_("Bạn chưa xem tài liệu “%(name)s”; hãy mở xem hoặc chọn ký không cần xem."),
                    field="documents",
                    name=document.file_name,
                )
            wishes.append(
                Wish(
                    intent=intent_of(step, document.sha256),
                    input_sha256=document.sha256,
                    place=self._place(actor, one),
                    document_id=document.id,
                    unseen=one.unseen,
                )
            )
        approval, passkey = self._signing.offer(person, actor.name, wishes)
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
        ids = [wish.document_id for wish in approval.wishes if wish.document_id is not None]
        documents = {document.id: document for document in self._read(actor, ids)}
        refused: dict[str, SignerError] = {}
        for wish in approval.wishes:
            if wish.document_id is None:
                raise Conflict(CHANGED)  # a list of files is signed elsewhere
            document = documents[wish.document_id]
            refusal = _refusal(document, own_step(document, person.id), wish.input_sha256)
            if refusal is not None:
                refused[wish.intent] = refusal

        def store(wish: Wish, signed: SignedPdf) -> None:
            document = documents[wish.document_id or 0]
            self._advance(actor, document, own_step(document, person.id), signed)

        outcomes = self._signing.sign_list(
            person, actor.name, activation_id, factor, refused=refused, store=store
        )
        return BatchOutcome(
            results=tuple((one.wish.document_id or 0, one.sha256, one.error) for one in outcomes)
        )

    def _place(self, actor: Actor, one: Wanted) -> Place:
        if one.page is not None and (one.box is not None or one.field_name is not None):
            return Place(page=one.page, box=one.box, field_name=one.field_name)
        found = self._signing.propose(actor, one.shown_sha256)
        return Place(page=found.page, box=found.box, field_name=found.field_name)

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


def pass_on(document: DocumentView, position: int) -> None:
    """The next signer's turn has come, or the document is signed; in the open transaction."""
    following = [other for other in document.steps if other.position == position + 1]
    if following:
        move_state(Step, following[0].id, "blocked", "waiting")
        return
    move_state(Document, document.id, "waiting", "signed")
    others = select(Document.id).where(
        Document.dossier_id == document.dossier_id, Document.state != "signed"
    )
    db.session.execute(
        update(Dossier)
        .where(Dossier.id == document.dossier_id, Dossier.state == "open", ~others.exists())
        .values(state="done")
        .execution_options(synchronize_session="fetch")
    )


def intent_of(step: StepView, sha256: str) -> str:
    """The name of the act: this step on these bytes."""
    return f"step-{step.id}-{sha256}"


def own_step(document: DocumentView, person_id: int) -> StepView:
    """The person's step; `Forbidden` when no signature of this person is wanted."""
    for step in document.steps:
        if step.person_id == person_id:
            return step
    raise Forbidden(N_("Tài liệu này không chờ chữ ký của bạn."))


def _refusal(document: DocumentView, step: StepView, sha256: str) -> SignerError | None:
    if step.state != "waiting":
        return Forbidden(N_("Chưa đến lượt bạn ký tài liệu này, hoặc tài liệu đã bị trả lại."))
    if document.sha256 != sha256:
        return Conflict(CHANGED)
    return None
