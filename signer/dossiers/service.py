"""A dossier's way from drafted to signed by everybody whose signature it needs."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Select, func, or_, select

from signer.accounts import Actor, Permission, Role, in_subtree
from signer.accounts.permissions import ROLE_PERMISSIONS
from signer.audit import Audit
from signer.clock import Clock
from signer.db import advisory_lock, db, move_state, release, transaction
from signer.dossiers.approving import Approving, Wanted
from signer.dossiers.models import Document, DocumentVersion, Dossier, Step, StepKind
from signer.dossiers.reading import documents_of, dossier_rows
from signer.dossiers.sealing import WITHOUT_SIGNERS, Sealing, SealWish
from signer.dossiers.turns import DONE, own_step
from signer.dossiers.views import DocumentView, DossierView
from signer.errors import N_, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import Person
from signer.inventory.service import Inventory
from signer.signing.approvals import PinFactor
from signer.signing.geometry import Box
from signer.signing.scans import require_scan
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
        self.sealing = Sealing(audit, files, signing, self._documents_of)
        approving = Approving(clock, signing, self.sealing, self._documents_of)
        self.note_shown, self.shown = approving.note_shown, approving.shown
        self.place_of, self.offer = approving.place_of, approving.offer
        self.sign_batch = approving.sign_batch

    def create(
        self,
        actor: Actor,
        *,
        title: str,
        unit_code: str,
        due_on: date | None,
        files: Sequence[tuple[str, Path]],
        signers: Sequence[str],
        initials: Sequence[str] = (),
        seal: SealWish | None = None,
        appendices: Sequence[tuple[str, Path]] = (),
    ) -> int:
        """The id of a new dossier; every signer signs every document, in the order given.

        Who initials comes first, a body's seal last. A copy, or a paper that came in, may need no
        signer. `appendices` in files of their own get the body's signature only, after the seal.
        Each PDF passes the preflight first; one that does not is named and nothing is stored.
        """
        title = title.strip()
        if not title or len(title) > 300:
            raise Invalid(N_("Hãy ghi trích yếu của hồ sơ, không quá 300 ký tự."), field="title")
        if not files or len(files) + len(appendices) > _FILES:
            raise Invalid(N_("Hãy chọn từ 1 đến 20 tệp PDF."), field="files")
        _require_people(signers, initials, seal)
        if appendices and (seal is None or seal.kind is not StepKind.SEAL):
            raise Invalid(
                N_("Phụ lục, văn bản kèm theo ở tệp riêng cần chọn cơ quan đóng dấu."),
                field="seal_unit",
            )
        unit = self._inventory.unit_of(unit_code)
        actor.require(Permission.DOSSIER_CREATE, unit.path)
        steps = [
            *(_Planned(StepKind.INITIAL, one.id) for one in self._people(initials, "initials")),
            *(_Planned(StepKind.SIGN, one.id) for one in self._people(signers, "signers")),
        ]
        of_appendices: list[_Planned] = []
        if seal is not None:
            body = self.sealing.body_of(actor, seal.unit_code)
            steps.append(_Planned(seal.kind, body.keeper_id, body.unit_id))
            of_appendices.append(_Planned(StepKind.APPENDIX, body.keeper_id, body.unit_id))
        release()  # no connection is held while the files are read
        if seal is not None and seal.kind is StepKind.COPY:
            for _name, path in files:
                require_scan(path)
        stored = [
            (_file_name(name), path.stat().st_size, *self._take(name, path), plan)
            for plan, some in ((steps, files), (of_appendices, appendices))
            for name, path in some
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
            for name, size_bytes, sha256, pages, plan in stored:
                self._add_document(dossier.id, name, size_bytes, sha256, pages, plan, actor)
            self._audit.record(
                actor.name,
                "dossier.created",
                f"dossier:{dossier.code}",
                documents=[sha256 for _, _, sha256, _, _ in stored],
                signers=list(signers),
                initials=list(initials),
                seal=f"{seal.kind}:{seal.unit_code}" if seal is not None else "",
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
        number: str = "",
        copy_form: str = "",
        forwarded_to: str = "",
        file_symbol: str = "",
    ) -> DocumentView:
        """The document has the actor's signature, stored as a new version.

        `Conflict` when the document is no longer the one shown, `Forbidden` when it is not this
        actor's turn. A retry after a lost answer returns the document already signed.
        """
        document = self.document_of(actor, document_id)
        if own_step(document, self._signing.person_of(actor).id).state in DONE:
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
                    number=number,
                    copy_form=copy_form,
                    forwarded_to=forwarded_to,
                    file_symbol=file_symbol,
                )
            ],
        )
        ((_, _, error),) = self.sign_batch(actor, offer.activation_id, PinFactor(pin=pin)).results
        if error is not None:
            raise error
        return self.document_of(actor, document_id)

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

    def _people(self, codes: Sequence[str], field: str) -> list[Person]:
        found = {
            person.code: person
            for person in db.session.scalars(select(Person).where(Person.code.in_(codes)))
        }
        for code in codes:
            if code not in found:
                raise Invalid(N_("Không tìm thấy cán bộ có mã %(code)s."), field=field, code=code)
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
        steps: Sequence["_Planned"],
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
        for position, step in enumerate(steps, start=1):
            # An appendix waits until the main document has the seal (`turns.pass_on`).
            is_first = position == 1 and step.kind is not StepKind.APPENDIX
            db.session.add(
                Step(
                    document_id=document.id,
                    position=position,
                    kind=step.kind,
                    person_id=step.person_id,
                    unit_id=step.unit_id,
                    state="waiting" if is_first else "blocked",
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


class _Planned(NamedTuple):
    """A step that a document is to have."""

    kind: StepKind
    person_id: int
    unit_id: int | None = None


def _require_people(signers: Sequence[str], initials: Sequence[str], seal: SealWish | None) -> None:
    least = 0 if seal is not None and seal.kind in WITHOUT_SIGNERS else 1
    if not least <= len(signers) <= _SIGNERS or len(set(signers)) != len(signers):
        raise Invalid(N_("Hãy chọn từ 1 đến 10 người ký, mỗi người một lần."), field="signers")
    if len(initials) > _SIGNERS or len(set(initials)) != len(initials):
        raise Invalid(
            N_("Hãy chọn không quá 10 người ký nháy, mỗi người một lần."), field="initials"
        )


def _file_name(name: str) -> str:
    """A harmless name for a download: no path, no control characters, ends in .pdf."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    stem = re.sub(r"[^\w .()-]", "_", name.removesuffix(".pdf").removesuffix(".PDF")).strip(" .")
    return f"{(stem or 'tai-lieu')[:150]}.pdf"
