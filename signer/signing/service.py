"""Signing a PDF with a person's own key, and judging any PDF's signatures."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from signer.accounts import Actor
from signer.audit import Audit
from signer.ca.authority import Authority, CertificateStatus
from signer.clock import Clock
from signer.config import Settings
from signer.db import LOST_RACE, changed, db, release, transaction
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound
from signer.files import Files
from signer.inventory.duplicates import service_of
from signer.inventory.models import OrgUnit, Person
from signer.inventory.policy import rules
from signer.inventory.service import Inventory
from signer.issuance import keys
from signer.issuance.keys import CurrentKey
from signer.pkcs11.vault import Vault
from signer.signing import cms
from signer.signing.activation import Activations, locked
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box, PageSize
from signer.signing.images import SignatureImages
from signer.signing.models import Signature
from signer.signing.pages import PageRenderer, Word
from signer.signing.pdf import SignedPdf, complete_pdf, prepare_pdf
from signer.signing.placement import Placement, propose
from signer.signing.preflight import Preflight, inspect
from signer.signing.sandbox import Sandbox, public_sandbox, shared_sandbox
from signer.signing.stamping import Stamping
from signer.signing.validation import Verdict, VerdictClass, validate

DEMO_MARK = "MẪU – KHÔNG CÓ GIÁ TRỊ"
"""Drawn in red in every signature made on invented data (R16); papers are Vietnamese always."""


@dataclass(frozen=True, kw_only=True)
class KeyState:
    """What an official sees of the own signature; `state` is none, ready, active or locked."""

    person_id: int
    person_code: str
    person_name: str
    unit_name: str
    state: str
    serial_hex: str | None
    not_after: datetime | None
    attempts_left: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a signature goes: an empty field of the document, or a box on a page (from 1)."""

    page: int
    box: Box | None
    field_name: str | None = None


class Signing:
    """Activation, signatures and verdicts. A signature is made once however often it is asked."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        audit: Audit,
        files: Files,
        inventory: Inventory,
        vault: Vault,
        authority: Authority,
        *,
        stamping: Stamping,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._files = files
        self._inventory = inventory
        self._vault = vault
        self._authority = authority
        self._stamping = stamping
        self._activations = Activations(clock, audit, vault, settings.pin_attempts)
        self.pages = PageRenderer()
        self.images = SignatureImages(clock, audit, files, inventory)

    def key_of(self, actor: Actor) -> KeyState:
        """The state of the actor's own key; `NotFound` when the account belongs to nobody."""
        return self.key_of_person(self._person_of(actor))

    def key_of_person(self, person: Person) -> KeyState:
        """The state of this person's key."""
        key = keys.find_current_key(person.id)
        usable = key is not None and key.certificate_state == "issued"
        return KeyState(
            person_id=person.id,
            person_code=person.code,
            person_name=person.full_name,
            unit_name=self._unit_name(person),
            state=key.state if key is not None and usable else "none",
            serial_hex=key.serial_hex if key is not None else None,
            not_after=key.not_after if key is not None else None,
            attempts_left=self._activations.attempts_left(key.id) if key is not None else 0,
        )

    def activate(self, actor: Actor, pin: str) -> None:
        """The actor's key is sealed under the PIN and can sign from now on."""
        self.activate_person(self._person_of(actor), pin, actor.name)

    def activate_person(self, person: Person, pin: str, actor_name: str) -> None:
        """As `activate`, for the person; `NotFound` without a key that waits for activation.

        `Forbidden` for whoever may not sign in the present state of service (R11).
        """
        _require_may_sign(person)
        key = keys.find_current_key(person.id)
        if key is None or key.state != "ready":
            raise NotFound(N_("Không có khóa ký nào đang chờ kích hoạt."))
        wrapped = keys.wrapped_of(key.id)
        release()
        salt, envelope = self._activations.seal(wrapped, pin, key.id)
        with transaction():
            keys.mark_active(key.id)
            self._activations.store(key.id, salt, envelope)
            self._audit.record(
                actor_name, "key.activated", f"person:{person.code}", serial=key.serial_hex
            )

    def sign(
        self,
        actor: Actor,
        *,
        intent: str,
        input_sha256: str,
        pin: str,
        place: Place,
        in_same_commit: Callable[[SignedPdf], None] = lambda signed: None,
    ) -> str:
        """The SHA-256 of the signed document, signed by the actor's own key."""
        return self.sign_as(
            self._person_of(actor),
            actor.name,
            intent=intent,
            input_sha256=input_sha256,
            pin=pin,
            place=place,
            in_same_commit=in_same_commit,
        )

    def sign_as(
        self,
        person: Person,
        actor_name: str,
        *,
        intent: str,
        input_sha256: str,
        pin: str,
        place: Place,
        in_same_commit: Callable[[SignedPdf], None] = lambda signed: None,
    ) -> str:
        """The SHA-256 of the stored document with this person's signature added.

        `intent` names the act, such as `step-17`: asked again, the first result is returned and
        no key is touched. `in_same_commit(signed)` runs in the transaction that stores the
        outcome. Order: intent row → PIN → PDF prepared → HSM → own validation → file → outcome.
        """
        key = self._usable_key(person)
        certificate_der = self._authority.certificate_of(int(key.serial_hex, 16)).der
        now = self._clock.now()
        done = self._begin(intent, key, input_sha256, place, now)
        if done is not None:
            return done
        wrapped = self._activations.open(key.id, pin, actor_name)
        text = AppearanceText(
            name=person.full_name,
            organisation=self._unit_name(person),
            title=person.title or "",
            mark=DEMO_MARK if self._settings.demo else "",
            image_png=self.images.png_of(person.id),
        )
        template = cms.template_of(certificate_der, tuple(self._authority.chain_der()))
        cms.check_may_sign(template.certificate, now)
        release()
        with tempfile.TemporaryDirectory(prefix="signer-") as folder:
            signed_file = Path(folder) / "signed.pdf"
            with self._files.path(input_sha256) as source:
                prepared = prepare_pdf(
                    source,
                    Path(folder) / "prepared.pdf",
                    template=template,
                    field_name=place.field_name,
                    page=place.page,
                    box=place.box,
                    appearance=text,
                    at=now,
                )
            with self._vault.unlocked(wrapped, key.public_key_der) as private_key:
                signed = complete_pdf(prepared, signed_file, template=template, key=private_key)
            self._check_own_output(signed_file, key)
            self._files.put(signed_file)
        with transaction():
            won = db.session.scalars(
                update(Signature)
                .where(Signature.intent == intent, Signature.state == "intent")
                .values(
                    state="done",
                    signing_key_id=key.id,  # not always the one of the first try
                    output_sha256=signed.sha256,
                    field_name=_storable(signed.field_name),
                    page=place.page,
                    signed_at=now,
                )
                .returning(Signature.id)
            ).all()
            if not won:
                raise Conflict(LOST_RACE)
            changed("signed", [person.id])
            self._audit.record(
                actor_name,
                "document.signed",
                f"person:{person.code}",
                intent=intent,
                input=input_sha256,
                output=signed.sha256,
                serial=key.serial_hex,
            )
            in_same_commit(signed)
        return signed.sha256

    def verify(self, path: Path) -> Verdict:
        """The verdict on every signature in anybody's PDF, by our own hierarchy and present CRL.

        `Unavailable` while other files are being checked.
        """
        return self._judge(path, public_sandbox())

    def _judge(self, path: Path, sandbox: Sandbox) -> Verdict:
        crls = self._authority.current_crl_ders()
        release()
        return validate(
            path,
            trust_roots=[self._authority.root_der()],
            intermediates=[self._authority.issuing_der()],
            crls=crls,
            at=self._clock.now(),
            sandbox=sandbox,
        )

    def preflight(self, path: Path) -> Preflight:
        """What the PDF is, before anybody is asked to sign it."""
        return inspect(path, self._settings.upload_limit_bytes)

    def pages_of(self, sha256: str) -> tuple[PageSize, ...]:
        """The sizes of the document's pages as displayed."""
        release()
        with self._files.path(sha256) as path:
            return inspect(path, self._settings.upload_limit_bytes).pages

    def page_image(self, sha256: str, page: int, dpi: int) -> bytes:
        """The page (from 1) as a PNG."""
        release()
        with self._files.path(sha256) as path:
            return self.pages.image(path, page, dpi)

    def page_words(self, sha256: str, page: int) -> tuple[Word, ...]:
        """The words of the page with their boxes, in reading order."""
        release()
        with self._files.path(sha256) as path:
            return self.pages.text(path, page)

    def propose(self, actor: Actor, sha256: str) -> Placement:
        """Where this actor's signature belongs in the document."""
        person = self._person_of(actor)
        name, title = person.full_name, person.title or ""
        release()
        with self._files.path(sha256) as path:
            return self.propose_in(path, name, title)

    def propose_in(self, path: Path, name: str, title: str) -> Placement:
        """Where a signature beside this name or title belongs in the file."""
        release()
        report = inspect(path, self._settings.upload_limit_bytes)
        words = {
            number: self.pages.text(path, number) for number in range(1, len(report.pages) + 1)
        }
        return propose(words, report.pages, name, title, report.fields)

    def _begin(
        self, intent: str, key: CurrentKey, input_sha256: str, place: Place, now: datetime
    ) -> str | None:
        with transaction():
            row = db.session.scalar(select(Signature).where(Signature.intent == intent))
            if row is not None and (
                row.input_sha256 != input_sha256 or row.person_id != key.person_id
            ):
                raise Conflict(N_("Tài liệu đã thay đổi so với lúc bạn xem; hãy mở lại tài liệu."))
            if row is not None:
                return row.output_sha256
            db.session.add(
                Signature(
                    intent=intent,
                    state="intent",
                    signing_key_id=key.id,
                    person_id=key.person_id,
                    input_sha256=input_sha256,
                    page=place.page,
                    begun_at=now,
                )
            )
            try:
                db.session.flush()
            except IntegrityError as error:  # the same act, begun in another window just now
                raise Conflict(LOST_RACE) from error
            return None

    def _usable_key(self, person: Person) -> CurrentKey:
        _require_may_sign(person)
        key = keys.find_current_key(person.id)
        if key is None:
            raise NotFound(N_("Bạn chưa được cấp chứng thư chữ ký số."))
        status = self._authority.status_of(int(key.serial_hex, 16), self._clock.now())
        if status is CertificateStatus.REVOKED:
            raise Forbidden(N_("Chứng thư số đã bị thu hồi"))
        if status is CertificateStatus.SUSPENDED:
            raise Forbidden(N_("Chứng thư số đang bị tạm dừng nên chưa dùng để ký được."))
        if status is CertificateStatus.EXPIRED:
            raise Forbidden(N_("Chứng thư số đã hết hạn sử dụng"))
        if status is not CertificateStatus.GOOD:
            raise Forbidden(N_("Chứng thư số chưa có hiệu lực"))
        if key.state == "locked":
            raise locked()
        if key.state == "ready":
            raise Invalid(N_("Bạn chưa kích hoạt chữ ký số. Hãy đặt mã PIN trước."), field="pin")
        return key

    def _check_own_output(self, path: Path, key: CurrentKey) -> None:
        verdict = self._judge(path, shared_sandbox())
        newest = verdict.signatures[-1] if verdict.signatures else None
        mine = newest is not None and int(newest.serial_hex, 16) == int(key.serial_hex, 16)
        if not mine or verdict.verdict is VerdictClass.INVALID:
            raise Invalid(
                N_("Chữ ký vừa tạo không qua được bước tự kiểm tra nên không được lưu lại.")
            )

    def _person_of(self, actor: Actor) -> Person:
        person = (
            self._inventory.person_of_account(actor.account_id)
            if actor.account_id is not None
            else None
        )
        if person is None:
            raise NotFound(N_("Tài khoản này chưa gắn với cán bộ nào trong danh sách."))
        return person

    def _unit_name(self, person: Person) -> str:
        return db.session.scalar(select(OrgUnit.name).where(OrgUnit.id == person.unit_id)) or ""


def _require_may_sign(person: Person) -> None:
    state, _ = service_of([person.id])[person.id]
    if not rules()[state].may_sign:
        raise Forbidden(N_("Người này không còn ở trạng thái công tác được ký số."))


def _storable(field_name: str) -> str:
    """The name of a field as a column can hold it; whoever drew the form chose the name."""
    return "".join(letter for letter in field_name if letter.isprintable())[:100]
