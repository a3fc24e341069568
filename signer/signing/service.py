"""Signing a PDF with a person's own key, and judging any PDF's signatures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from signer.accounts import Actor
from signer.audit import Audit
from signer.ca.authority import Authority
from signer.clock import Clock
from signer.config import Settings
from signer.db import db, release
from signer.errors import N_, Invalid, SignerError, Unavailable
from signer.files import Files
from signer.inventory.models import Person
from signer.inventory.service import Inventory
from signer.issuance import keys
from signer.issuance.keys import CurrentKey
from signer.pkcs11.vault import Vault
from signer.signing import cms
from signer.signing.activation import Activations
from signer.signing.appearance import AppearanceKind, AppearanceText
from signer.signing.approvals import Approval, Approvals, Factor, PinFactor, Place, Wish
from signer.signing.envelopes import Envelopes
from signer.signing.geometry import PageSize
from signer.signing.images import SignatureImages
from signer.signing.levels import Level
from signer.signing.looks import Look, place_look
from signer.signing.models import SignatureImage
from signer.signing.own_keys import OwnKeys, unit_name
from signer.signing.own_output import Trust, known_revisions
from signer.signing.pages import PageRenderer, Word
from signer.signing.passkeys import Passkeys
from signer.signing.pdf import SignedPdf
from signer.signing.placement import Placement, propose
from signer.signing.preflight import Preflight, inspect
from signer.signing.sandbox import Sandbox, public_sandbox, shared_sandbox
from signer.signing.seal_images import SealImages
from signer.signing.signatures import Hand, Outcome, Signatures, Store
from signer.signing.stamping import Stamping
from signer.signing.tsa_client import TOKEN_BYTES
from signer.signing.validation import Verdict, validate

DEMO_MARK = "MẪU – KHÔNG CÓ GIÁ TRỊ"
"""Drawn in red in every signature made on invented data (R16); papers are Vietnamese always."""


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
        self._authority = authority
        self._stamping = stamping
        envelopes = Envelopes(vault)
        activations = Activations(clock, audit, envelopes, settings.pin_attempts)
        self._passkeys = Passkeys(settings, clock, envelopes, vault)
        self._own = own = OwnKeys(clock, audit, inventory, authority, activations, self._passkeys)
        self.person_of = own.person_of
        self.key_of, self.key_of_person = own.key_of, own.key_of_person
        self.seal_states, self.seal_state = own.seal_states, own.seal_state
        self.activate, self.activate_person = own.activate, own.activate_person
        self.activate_seal, self.activate_seal_of = own.activate_seal, own.activate_seal_of
        self.passkeys_of, self.passkey_options = own.passkeys_of, own.passkey_options
        self.add_passkey, self.remove_passkey = own.add_passkey, own.remove_passkey
        self._approvals = Approvals(settings, clock, audit, activations, self._passkeys)
        self.require_list_length = self._approvals.require_length
        self._signatures = Signatures(clock, audit, files, vault, self._trust)
        self.pages = PageRenderer()
        self.images = SignatureImages(clock, audit, files, inventory)
        self.seal_images = SealImages(clock, audit, files, inventory)

    def offer(
        self,
        person: Person,
        actor_name: str,
        wishes: Sequence[Wish],
        *,
        unit_id: int | None = None,
    ) -> tuple[Approval, dict[str, Any] | None]:
        """The list waits for the person's factor; with a passkey's request options, if any.

        `unit_id`: it is for the seal of that body. Refused, by name, when person, key or
        certificate may not sign, and when a look is not one of that key.
        """
        key = self._own.usable(person, unit_id)
        for wish in wishes:
            _require_fitting(wish, unit_id)
        at = self._clock.now()
        cms.check_may_sign(self._template(key).certificate, at)
        approval = self._approvals.offer(key, actor_name, wishes)
        return approval, self._passkeys.request_options(key.id, approval.challenge)

    def approval_of(self, person: Person, activation_id: int) -> Approval:
        """The person's own list as it was offered; `NotFound` for anybody else's."""
        return self._approvals.read(person.id, activation_id)

    def sign_list(
        self,
        person: Person,
        actor_name: str,
        activation_id: int,
        factor: Factor,
        *,
        refused: Mapping[str, SignerError] = MappingProxyType({}),
        level: Level | None = None,
        certify: bool | None = None,
        store: Store = lambda wish, signed: None,
    ) -> tuple[Outcome, ...]:
        """What came of each document of the offered list, in its order.

        `refused` says why some intents are not to be carried out any more. `store` runs in the
        transaction of an outcome. A list that was used answers with what came of it and touches
        no key. Order: list → person, certificate → PIN or passkey, list used, intents → PDFs
        prepared → HSM → stamps → own validation → files → outcomes.
        """
        approval = self.approval_of(person, activation_id)
        if approval.state == "used":
            return self._signatures.of_list(approval)
        key = self._own.usable(person, keys.unit_of_key(approval.key_id))
        hand = self._hand(person, actor_name, key, level, certify)
        wishes = [wish for wish in approval.wishes if wish.intent not in refused]
        done: dict[str, str] = {}
        release()
        opened = self._approvals.use(
            approval,
            key,
            factor,
            actor_name,
            lambda: done.update(self._signatures.begin(approval, hand, wishes)),
        )
        outcomes = {
            wish.intent: Outcome(
                wish=wish, sha256=done.get(wish.intent), error=refused.get(wish.intent)
            )
            for wish in approval.wishes
        }
        left = [wish for wish in wishes if wish.intent not in done]
        hand = replace(hand, wrapped=opened.wrapped)
        for outcome in self._signatures.make(approval, hand, left, store):
            outcomes[outcome.wish.intent] = outcome
        return tuple(outcomes.values())

    def waits_for_stamp(self, signed: SignedPdf) -> bool:
        """The document still lacks what the city wants: a worker gets it, or goes on without."""
        return signed.level is not self._stamping.level

    @property
    def protects_until(self) -> datetime | None:
        """Until when an archive stamp made now can be checked without another."""
        return self._stamping.protects_until

    def sign(self, actor: Actor, *, intent: str, input_sha256: str, pin: str, place: Place) -> str:
        """As `sign_as`, by the actor's own key."""
        who = self.person_of(actor)
        return self.sign_as(
            who, actor.name, intent=intent, input_sha256=input_sha256, pin=pin, place=place
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
        level: Level | None = None,
        certify: bool | None = None,
    ) -> str:
        """The SHA-256 of the stored document with this person's signature: a list of one.

        Asked again, the first result is returned and no key is touched.
        """
        done = self._signatures.find(intent, person.id, input_sha256)
        if done is not None:
            return done
        wish = Wish(intent=intent, input_sha256=input_sha256, place=place)
        approval, _ = self.offer(person, actor_name, [wish])
        (outcome,) = self.sign_list(
            person, actor_name, approval.id, PinFactor(pin=pin), level=level, certify=certify
        )
        if outcome.error is not None:
            raise outcome.error
        assert outcome.sha256 is not None
        return outcome.sha256

    def verify(self, path: Path) -> Verdict:
        """The verdict on every signature in anybody's PDF, by our own hierarchy and present CRL.

        `Unavailable` while other files are being checked.
        """
        return self._verdict_on(path, public_sandbox())

    def verify_stored(self, sha256: str) -> Verdict:
        """As `verify`, of a document of the house: for officials, whom the public's do not stop."""
        release()
        with self._files.path(sha256) as path:
            return self._verdict_on(path, shared_sandbox())

    def _verdict_on(self, path: Path, sandbox: Sandbox) -> Verdict:
        trust = self._trust()
        release()
        return validate(
            path,
            trust_roots=trust.roots,
            intermediates=trust.intermediates,
            crls=trust.crls,
            stamp_roots=trust.stamp_roots,
            at=self._clock.now(),
            known=known_revisions,
            sandbox=sandbox,
        )

    def _trust(self) -> Trust:
        return Trust(
            roots=(self._authority.root_der(),),
            intermediates=(self._authority.issuing_der(),),
            crls=tuple(self._authority.current_crl_ders()),
            stamp_roots=self._stamping.outside_roots,
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
        person = self.person_of(actor)
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

    def propose_look(
        self,
        sha256: str,
        unit_id: int | None,
        look: Look,
        personal_field: str | None = None,
        *,
        person_id: int | None = None,
    ) -> Placement:
        """Where a mark of that look belongs, in the size it needs.

        A seal belongs to the field of that name, signed by that person, whose image it covers by a
        third; initials are those of that person.
        """
        person = db.session.get(Person, person_id) if person_id is not None else None
        image = db.session.get(SignatureImage, person_id) if person is not None else None
        text = look.on(self._text_of(person, unit_id))
        release()
        with self._files.path(sha256) as path:
            report = inspect(path, self._settings.upload_limit_bytes)
            words = {
                number: self.pages.text(path, number) for number in range(1, len(report.pages) + 1)
            }
        return place_look(
            text,
            self._clock.now(),
            report,
            words,
            field_name=personal_field,
            image_px=None if image is None else (image.width_px, image.height_px),
        )

    def _text_of(self, person: Person | None, unit_id: int | None) -> AppearanceText:
        """The block of this person, or of this body's seal."""
        mark = DEMO_MARK if self._settings.demo else ""
        if unit_id is None:
            assert person is not None
            return AppearanceText(
                name=person.full_name,
                organisation=unit_name(person.unit_id),
                title=person.title or "",
                mark=mark,
                image_png=self.images.png_of(person.id),
            )
        name = unit_name(unit_id)
        seal = self.seal_images.find_of(unit_id)
        return AppearanceText(
            name=name,
            organisation=name,
            mark=mark,
            image_png=self.seal_images.png_of(unit_id),
            image_mm=None if seal is None else (seal.width_mm, seal.height_mm),
        )

    def _template(self, key: CurrentKey) -> cms.CmsTemplate:
        certificate_der = self._authority.certificate_of(int(key.serial_hex, 16)).der
        return cms.template_of(certificate_der, tuple(self._authority.chain_der()))

    def _hand(
        self,
        person: Person,
        actor_name: str,
        key: CurrentKey,
        level: Level | None,
        certify: bool | None,
    ) -> Hand:
        template = self._template(key)
        cms.check_may_sign(template.certificate, self._clock.now())
        certificate_der = template.certificate.public_bytes(Encoding.DER)
        look = self._text_of(person, key.unit_id)
        level, code = level or self._stamping.level, person.code
        release()
        stamper = self._stamping.stamper() if level.has_stamp else None
        try:
            stamp_bytes = 0 if stamper is None else stamper.token_bytes
            material = self._stamping.material_of(certificate_der) if level.has_material else None
        except Unavailable:  # no TSA or OCSP signer: signed now, stamped once there are both
            stamper, material, stamp_bytes = None, None, TOKEN_BYTES
        return Hand(
            key=key,
            person_code=code,
            actor_name=actor_name,
            template=template,
            look=look,
            level=level,
            material=material,
            stamper=None if self._stamping.is_outside else stamper,
            stamp_bytes=stamp_bytes,
            certify=self._settings.certify_first if certify is None else certify,
        )


def _require_fitting(wish: Wish, unit_id: int | None) -> None:
    """An official's key makes personal signatures and initials, a seal's key the other marks."""
    kind = AppearanceKind.PERSONAL if wish.look is None else wish.look.kind
    if (unit_id is None) != (kind in (AppearanceKind.PERSONAL, AppearanceKind.INITIAL)):
        raise Invalid(
            N_("Chữ ký cá nhân không dùng thay con dấu của cơ quan, và ngược lại."),
            field="documents",
        )
