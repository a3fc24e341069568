"""A dossier's way from drafted to signed by everybody whose signature it needs."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, or_, select

from signer.accounts import Actor, Permission, Role, in_subtree
from signer.accounts.permissions import ROLE_PERMISSIONS
from signer.audit import Audit
from signer.clock import Clock
from signer.db import advisory_lock, db, move_state, release, transaction
from signer.dossiers.approving import Approving, BatchOutcome, Offer, Wanted, own_step
from signer.dossiers.models import Document, DocumentVersion, Dossier, Step
from signer.dossiers.reading import documents_of, dossier_rows
from signer.dossiers.views import DocumentView, DossierView
from signer.errors import N_, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import Person
from signer.inventory.service import Inventory
from signer.signing.approvals import Factor, PinFactor
from signer.signing.geometry import Box
from signer.signing.service import Signing

_FILES = 20
_SIGNERS = 10
_CODES_LOCK = 0xD055  # any fixed number: who counts dossiers, among PostgreSQL's advisory locks


class Dossiers:
    """Keeps dossiers, decides whose turn it is, and stores each signed version."""

    def __init__(
        self, clock: Clock, audit: Audit, files: Files, inventory: Inventory, signing: Signing
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._inventory = inventory
        self._signing = signing
        self._approving = Approving(clock, signing, self._documents_of)

    def create(
        self,
        actor: Actor,
        *,
        title: str,
        unit_code: str,
        due_on: date | None,
        files: Sequence[tuple[str, Path]],
        signers: Sequence[str],
    ) -> int:
        """The id of a new dossier; every signer signs every document, in the order given.

        Each PDF passes the preflight first; one that does not is named and nothing is stored.
        """
        title = title.strip()
        if not title or len(title) > 300:
            raise Invalid(N_("Hãy ghi trích yếu của hồ sơ, không quá 300 ký tự."), field="title")
        if not files or len(files) > _FILES:
            raise Invalid(N_("Hãy chọn từ 1 đến 20 tệp PDF."), field="files")
        if not signers or len(signers) > _SIGNERS or len(set(signers)) != len(signers):
            raise Invalid(N_("Hãy chọn từ 1 đến 10 người ký, mỗi người một lần."), field="signers")
        unit = self._inventory.unit_of(unit_code)
        actor.require(Permission.DOSSIER_CREATE, unit.path)
        people = self._people(signers)
        release()  # no connection is held while the files are read
        stored = [
            (_file_name(name), path.stat().st_size, *self._take(name, path)) for name, path in files
        ]
        with transaction():
            dossier = Dossier(
                code=self._next_code(unit.code),
                title=title,
                unit_id=unit.id,
                unit_path=unit.path,
                state="open",
                due_on=due_on,
                creator_id=actor.account_id,
                created_by=actor.display_name,
                created_at=self._clock.now(),
            )
            db.session.add(dossier)
            db.session.flush()
            for name, size_bytes, sha256, pages in stored:
                self._add_document(dossier.id, name, size_bytes, sha256, pages, people, actor)
            self._audit.record(
                actor.name,
                "dossier.created",
                f"dossier:{dossier.code}",
                documents=[sha256 for _, _, sha256, _ in stored],
                signers=list(signers),
            )
        return dossier.id

    def dossiers(
        self,
        actor: Actor,
        *,
        state: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[DossierView]:
        """The newest dossiers this actor may see first; `before` is the last id above."""
        statement = self._visible(actor, dossier_rows()).order_by(Dossier.id.desc()).limit(limit)
        if state is not None:
            statement = statement.where(Dossier.state == state)
        if before is not None:
            statement = statement.where(Dossier.id < before)
        return [DossierView(**row) for row in db.session.execute(statement).mappings()]

    def dossier_of(self, actor: Actor, dossier_id: int) -> DossierView:
        """One dossier with its documents; `NotFound` also when the actor may not see it."""
        statement = self._visible(actor, dossier_rows().where(Dossier.id == dossier_id))
        row = db.session.execute(statement).mappings().first()
        if row is None:
            raise NotFound(N_("Không tìm thấy hồ sơ này."))
        ids = db.session.scalars(
            select(Document.id).where(Document.dossier_id == dossier_id).order_by(Document.id)
        ).all()
        return DossierView(**row, documents=tuple(documents_of(ids, self._person_id(actor))))

    def document_of(self, actor: Actor, document_id: int) -> DocumentView:
        """One document; `NotFound` also when the actor may not see it."""
        return self._documents_of(actor, [document_id])[0]

    def _documents_of(self, actor: Actor, ids: Sequence[int]) -> list[DocumentView]:
        statement = self._visible(
            actor,
            select(Document.id)
            .join(Dossier, Dossier.id == Document.dossier_id)
            .where(Document.id.in_(ids)),
        )
        if set(db.session.scalars(statement)) != set(ids):
            raise NotFound(N_("Không tìm thấy tài liệu này."))
        return documents_of(ids, self._person_id(actor))

    def inbox(self, actor: Actor, *, limit: int = 100) -> list[DocumentView]:
        """The documents that wait for this actor's signature now, the most urgent first."""
        person_id = self._person_id(actor)
        if person_id is None:
            return []
        ids = db.session.scalars(
            select(Step.document_id)
            .join(Document, Document.id == Step.document_id)
            .join(Dossier, Dossier.id == Document.dossier_id)
            .where(Step.person_id == person_id, Step.state == "waiting")
            .order_by(Dossier.due_on.is_(None), Dossier.due_on, Step.document_id)
            .limit(limit)
        ).all()
        return documents_of(ids, self._person_id(actor))

    def sign(
        self,
        actor: Actor,
        document_id: int,
        *,
        pin: str,
        page: int,
        box: Box | None,
        shown_sha256: str,
        field_name: str | None = None,
        unseen: bool = False,
    ) -> DocumentView:
        """The document has the actor's signature, stored as a new version.

        `Conflict` when the document is no longer the one shown, `Forbidden` when it is not this
        actor's turn. A retry after a lost answer returns the document already signed.
        """
        document = self.document_of(actor, document_id)
        if own_step(document, self._signing.person_of(actor).id).state in ("signed", "stamping"):
            return document
        offer = self.offer(
            actor,
            [
                Wanted(
                    document_id=document_id,
                    shown_sha256=shown_sha256,
                    page=page,
                    box=box,
                    field_name=field_name,
                    unseen=unseen,
                )
            ],
        )
        ((_, _, error),) = self.sign_batch(actor, offer.activation_id, PinFactor(pin=pin)).results
        if error is not None:
            raise error
        return self.document_of(actor, document_id)

    def note_shown(self, actor: Actor, document_id: int, sha256: str) -> None:
        """It is on record that the actor had these bytes on the screen; `Conflict` for others."""
        self._approving.note_shown(actor, document_id, sha256)

    def shown(self, actor: Actor, versions: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Those of the (document, SHA-256) that the actor had on the screen."""
        return self._approving.shown(actor, versions)

    def offer(self, actor: Actor, wanted: Sequence[Wanted]) -> Offer:
        """The list waits some minutes for the actor's factor; refused when one of it may not be."""
        return self._approving.offer(actor, wanted)

    def sign_batch(self, actor: Actor, activation_id: int, factor: Factor) -> BatchOutcome:
        """Each document of the offered list has the actor's signature, or its reason why not."""
        return self._approving.sign_batch(actor, activation_id, factor)

    def send_back(self, actor: Actor, document_id: int, reason: str) -> None:
        """The signer refuses with a reason; the dossier goes back to whoever drafted it."""
        reason = reason.strip()
        if not reason or len(reason) > 500:
            raise Invalid(N_("Hãy ghi lý do trả lại, không quá 500 ký tự."), field="reason")
        document = self.document_of(actor, document_id)
        step = own_step(document, self._person_id(actor) or 0)
        with transaction():
            # The record first, as in signing: its lock then lets one of the two through at a time.
            self._audit.record(
                actor.name, "document.returned", f"document:{document_id}", reason=reason
            )
            move_state(
                Step, step.id, "waiting", "returned", note=reason, acted_at=self._clock.now()
            )
            move_state(Document, document_id, "waiting", "returned")
            move_state(Dossier, document.dossier_id, ("open", "returned"), "returned")

    def file_of(
        self, actor: Actor, document_id: int, version: int | None = None
    ) -> tuple[str, str]:
        """(file name, SHA-256) of a version, the newest when None."""
        document = self.document_of(actor, document_id)
        for candidate in reversed(document.versions):
            if version is None or candidate.number == version:
                return candidate.file_name, candidate.sha256
        raise NotFound(N_("Không tìm thấy phiên bản này của tài liệu."))

    def _take(self, name: str, path: Path) -> tuple[str, int]:
        report = self._signing.preflight(path)
        if not report.may_sign:
            raise Invalid(
                N_("Tệp “%(name)s” không nhận được: %(why)s"),
                field="files",
                name=name,
                why=Invalid(report.sentence, **report.values),
            )
        return self._files.put(path), len(report.pages)

    def _people(self, codes: Sequence[str]) -> list[Person]:
        found = {
            person.code: person
            for person in db.session.scalars(select(Person).where(Person.code.in_(codes)))
        }
        for code in codes:
            if code not in found:
                raise Invalid(
                    N_("Không tìm thấy cán bộ có mã %(code)s."), field="signers", code=code
                )
        return [found[code] for code in codes]

    def _next_code(self, unit_code: str) -> str:
        """H26.unit-yymmdd-nnnn; the counter restarts each day for each unit (R49)."""
        day = self._clock.today().strftime("%y%m%d")
        prefix = f"H26.{unit_code.upper()}-{day}-"
        advisory_lock(_CODES_LOCK)
        last = db.session.scalar(
            select(Dossier.code)
            .where(Dossier.code.startswith(prefix, autoescape=True))
            .order_by(func.length(Dossier.code).desc(), Dossier.code.desc())
            .limit(1)
        )
        return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:04d}"

    def _add_document(
        self,
        dossier_id: int,
        name: str,
        size_bytes: int,
        sha256: str,
        pages: int,
        people: Sequence[Person],
        actor: Actor,
    ) -> None:
        document = Document(dossier_id=dossier_id, file_name=name, pages=pages, state="waiting")
        db.session.add(document)
        db.session.flush()
        db.session.add(
            DocumentVersion(
                document_id=document.id,
                number=0,
                sha256=sha256,
                size_bytes=size_bytes,
                file_name=name,
                created_by=actor.display_name,
                created_at=self._clock.now(),
            )
        )
        for position, person in enumerate(people, start=1):
            db.session.add(
                Step(
                    document_id=document.id,
                    position=position,
                    person_id=person.id,
                    state="waiting" if position == 1 else "blocked",
                )
            )

    def _person_id(self, actor: Actor) -> int | None:
        if actor.account_id is None:
            return None
        person = self._inventory.person_of_account(actor.account_id)
        return person.id if person else None

    def _visible(
        self, actor: Actor, statement: Select[*tuple[Any, ...]]
    ) -> Select[*tuple[Any, ...]]:
        """A unit's people see its dossiers; a signer only those the own signature is wanted on."""
        if actor.is_system:
            return statement
        scopes = [
            grant.scope_path
            for grant in actor.grants
            if grant.role != Role.SIGNER and Permission.DOSSIER_VIEW in ROLE_PERMISSIONS[grant.role]
        ]
        mine = (
            select(Step.id)
            .join(Document, Document.id == Step.document_id)
            .where(
                Document.dossier_id == Dossier.id, Step.person_id == (self._person_id(actor) or -1)
            )
        )
        return statement.where(
            or_(mine.exists(), *(in_subtree(Dossier.unit_path, scope) for scope in scopes))
        )


def _file_name(name: str) -> str:
    """A harmless name for a download: no path, no control characters, ends in .pdf."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    stem = re.sub(r"[^\w .()-]", "_", name.removesuffix(".pdf").removesuffix(".PDF")).strip(" .")
    return f"{(stem or 'tai-lieu')[:150]}.pdf"
