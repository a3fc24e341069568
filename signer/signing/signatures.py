"""Signatures of a list of documents: intents first, the key for one short lease, then outcomes.

A list is prepared without the key, signed in one lease with nothing else between the signatures,
and stamped, judged and stored without it. Commits are shared by many documents.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from signer.audit import Audit, Happening
from signer.clock import Clock
from signer.db import LOST_RACE, Base, changed, db, release, transaction
from signer.errors import N_, Conflict, SignerError, Unavailable
from signer.files import Files
from signer.issuance.keys import CurrentKey
from signer.pkcs11.vault import Vault
from signer.signing import cms
from signer.signing.appearance import AppearanceText
from signer.signing.approvals import Approval, Wish
from signer.signing.levels import Level, Material, Stamper
from signer.signing.models import PdfRevision, Signature
from signer.signing.own_output import OwnOutput, Trust, history_of
from signer.signing.pdf import (
    KeyedPdf,
    PreparedPdf,
    SignedPdf,
    finish_pdf,
    prepare_pdf,
    put_signature,
)

_IN_ONE_LEASE = 96 * 1024 * 1024
"""Octets of documents that are prepared together, and wait in memory for the key."""
_IN_ONE_COMMIT = 20
_AT_ONCE = 2
_SIGNATURES = Base.metadata.tables[Signature.__tablename__]
_REVISIONS = Base.metadata.tables[PdfRevision.__tablename__]
_OUTCOME = (
    update(_SIGNATURES)
    .where(_SIGNATURES.c.intent == bindparam("which"), _SIGNATURES.c.state == "intent")
    .values(
        state="done",
        signing_key_id=bindparam("key_id"),
        activation_id=bindparam("approval_id"),
        output_sha256=bindparam("output"),
        field_name=bindparam("field"),
        page=bindparam("on_page"),
        signed_at=bindparam("at"),
        level=bindparam("reached"),
        wanted_level=bindparam("wanted"),
        unseen=bindparam("blind"),
    )
)
_CHANGED = N_("Tài liệu đã thay đổi so với lúc bạn xem; hãy mở lại tài liệu.")

Store = Callable[[Wish, SignedPdf], None]
"""What a room above stores in the transaction of the outcome."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one signature of the list: the stored document, or why there is none."""

    wish: Wish
    sha256: str | None = None
    error: SignerError | None = None


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Who signs, with which key, and how it shall look and last."""

    key: CurrentKey
    person_code: str
    actor_name: str
    template: cms.CmsTemplate
    look: AppearanceText
    level: Level
    material: Material | None
    stamper: Stamper | None
    """None also when stamps come from outside: then they come later, into the room kept."""
    stamp_bytes: int
    certify: bool
    wrapped: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True)
class _Made:
    wish: Wish
    signed: SignedPdf


class Signatures:
    """Makes signatures and keeps what came of each. An act is done once however often asked."""

    def __init__(
        self,
        clock: Clock,
        audit: Audit,
        files: Files,
        vault: Vault,
        trust: Callable[[], Trust],
    ) -> None:
        """`trust` tells the trust roots, the intermediates and the lists; it asks the database."""
        self._clock = clock
        self._audit = audit
        self._files = files
        self._vault = vault
        self._trust = trust

    def find(self, intent: str, person_id: int, input_sha256: str) -> str | None:
        """The document that this act made, if it was done; `Conflict` when it is another's."""
        row = db.session.scalar(
            select(Signature)
            .where(Signature.intent == intent)
            .execution_options(populate_existing=True)
        )
        if row is None:
            return None
        _require_same(row, person_id, input_sha256)
        return row.output_sha256

    def of_list(self, approval: Approval) -> tuple[Outcome, ...]:
        """What came of a list that was used already; nothing is signed."""
        rows = db.session.execute(
            select(Signature.intent, Signature.output_sha256).where(
                Signature.intent.in_([wish.intent for wish in approval.wishes])
            )
        ).all()
        done = {row.intent: row.output_sha256 for row in rows}
        used = Conflict(N_("Lần phê duyệt này đã được dùng; hãy chọn lại tài liệu rồi ký."))
        return tuple(
            Outcome(wish=wish, sha256=sha256, error=None if sha256 else used)
            for wish in approval.wishes
            for sha256 in [done.get(wish.intent)]
        )

    def begin(self, approval: Approval, hand: Hand, wishes: Sequence[Wish]) -> dict[str, str]:
        """The intents are stored, in the caller's transaction; what was done before is returned."""
        rows = {
            row.intent: row
            for row in db.session.scalars(
                select(Signature)
                .where(Signature.intent.in_([wish.intent for wish in wishes]))
                .execution_options(populate_existing=True)
            )
        }
        now = self._clock.now()
        fresh = []
        for wish in wishes:
            row = rows.get(wish.intent)
            if row is not None:
                _require_same(row, hand.key.person_id, wish.input_sha256)
                continue
            fresh.append(
                {
                    "intent": wish.intent,
                    "state": "intent",
                    "signing_key_id": hand.key.id,
                    "person_id": hand.key.person_id,
                    "input_sha256": wish.input_sha256,
                    "page": wish.place.page,
                    "begun_at": now,
                    "activation_id": approval.id,
                    "wanted_level": hand.level.value,
                    "unseen": wish.unseen,
                }
            )
        if fresh:
            try:
                db.session.execute(insert(_SIGNATURES), fresh)
            except IntegrityError as error:  # the same act, begun in another window just now
                raise Conflict(LOST_RACE) from error
        return {row.intent: row.output_sha256 for row in rows.values() if row.output_sha256}

    def make(
        self, approval: Approval, hand: Hand, wishes: Sequence[Wish], store: Store
    ) -> Iterator[Outcome]:
        """Each document with its signature, stored, or the reason why not; one fails alone."""
        history = history_of(wish.input_sha256 for wish in wishes)
        judge = OwnOutput(trust=self._trust(), history=history)
        release()
        with (
            tempfile.TemporaryDirectory(prefix="signer-") as folder,
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            for number, group in enumerate(self._groups(wishes)):
                room = Path(folder) / str(number)
                room.mkdir()
                yield from self._make_group(approval, hand, group, store, judge, room, pool)

    def _make_group(
        self,
        approval: Approval,
        hand: Hand,
        wishes: Sequence[Wish],
        store: Store,
        judge: OwnOutput,
        room: Path,
        pool: ThreadPoolExecutor,
    ) -> Iterator[Outcome]:
        at = self._clock.now()
        ready: list[tuple[Wish, PreparedPdf]] = []
        named = [(wish, room / f"{n}.pdf") for n, wish in enumerate(wishes)]
        for wish, prepared in pool.map(lambda one: self._prepare(hand, one[0], one[1], at), named):
            if isinstance(prepared, PreparedPdf):
                ready.append((wish, prepared))
            else:
                yield Outcome(wish=wish, error=prepared)
        if not ready:
            return
        with self._vault.unlocked(hand.wrapped, hand.key.public_key_der) as private_key:
            keyed = [
                (wish, put_signature(prepared, template=hand.template, key=private_key))
                for wish, prepared in ready
            ]
        for begins in range(0, len(keyed), _IN_ONE_COMMIT):
            told = [
                pool.submit(self._judge_and_store, wish, finished, output, hand, judge)
                for n, (wish, one) in enumerate(keyed[begins : begins + _IN_ONE_COMMIT], begins)
                for output in [room / f"{n}-signed.pdf"]
                for finished in [_finished(one, output, hand)]
            ]
            made = []
            for future in told:
                done = future.result()
                if isinstance(done, _Made):
                    made.append(done)
                else:
                    yield done
            yield from self._keep(approval, hand, made, store, at)

    def _prepare(
        self, hand: Hand, wish: Wish, work: Path, at: datetime
    ) -> tuple[Wish, PreparedPdf | SignerError]:
        try:
            with self._files.path(wish.input_sha256) as source:
                prepared = prepare_pdf(
                    source,
                    work,
                    template=hand.template,
                    level=hand.level.laid_out_with(hand.material),
                    stamp_bytes=hand.stamp_bytes,
                    material=hand.material,
                    field_name=wish.place.field_name,
                    page=wish.place.page,
                    box=wish.place.box,
                    appearance=hand.look if wish.look is None else wish.look.on(hand.look),
                    at=at,
                    certify=hand.certify,
                )
            # The very bytes that were read, whatever the store's file was a moment before (R45).
            if prepared.layout.hashed.hexdigest() != wish.input_sha256:
                raise Conflict(_CHANGED)
        except SignerError as error:
            return wish, error
        return wish, prepared

    def _judge_and_store(
        self,
        wish: Wish,
        finished: SignedPdf | SignerError,
        output: Path,
        hand: Hand,
        judge: OwnOutput,
    ) -> "_Made | Outcome":
        try:
            if isinstance(finished, SignerError):
                raise finished
            judge.check(wish.input_sha256, finished, output, hand.key.serial_hex, self._clock.now())
            if self._files.put(output) != finished.sha256:
                raise Conflict(_CHANGED)
            output.unlink()
        except SignerError as error:
            return Outcome(wish=wish, error=error)
        return _Made(wish=wish, signed=finished)

    def _keep(
        self, approval: Approval, hand: Hand, made: Sequence[_Made], store: Store, at: datetime
    ) -> Iterator[Outcome]:
        """All of them in one commit; where one was overtaken meanwhile, each in its own."""
        if not made:
            return
        try:
            with transaction():
                self._keep_all(approval, hand, made, store, at)
        except SignerError as error:
            if len(made) == 1:
                yield Outcome(wish=made[0].wish, error=error)
                return
            for one in made:
                yield from self._keep(approval, hand, [one], store, at)
            return
        for one in made:
            yield Outcome(wish=one.wish, sha256=one.signed.sha256)

    def _keep_all(
        self, approval: Approval, hand: Hand, made: Sequence[_Made], store: Store, at: datetime
    ) -> None:
        self._audit.record_many(
            hand.actor_name,
            [
                Happening(
                    action="document.signed",
                    subject=f"person:{hand.person_code}",
                    details={
                        "intent": one.wish.intent,
                        "input": one.wish.input_sha256,
                        "output": one.signed.sha256,
                        "serial": hand.key.serial_hex,
                        "activation": approval.id,
                        "level": one.signed.level.value,
                    },
                )
                for one in made
            ],
        )
        won = db.session.connection().execute(
            _OUTCOME,
            [
                {
                    "which": one.wish.intent,
                    "key_id": hand.key.id,  # not always the one of the first try
                    "approval_id": approval.id,
                    "output": one.signed.sha256,
                    "field": _storable(one.signed.field_name),
                    "on_page": one.signed.page,
                    "at": at,
                    "reached": one.signed.level.value,
                    "wanted": hand.level.value,
                    "blind": one.wish.unseen,
                }
                for one in made
            ],
        )
        if won.rowcount != len(made):
            raise Conflict(LOST_RACE)
        db.session.execute(
            insert(_REVISIONS),
            [
                {
                    "output_sha256": one.signed.sha256,
                    "input_sha256": one.wish.input_sha256,
                    "kind": "sign",
                    "made_at": at,
                }
                for one in made
            ],
        )
        for one in made:
            store(one.wish, one.signed)
        changed("signed", [hand.key.person_id])

    def _groups(self, wishes: Sequence[Wish]) -> Iterator[list[Wish]]:
        """In their order; each group's documents fit into memory together."""
        group: list[Wish] = []
        octets = 0
        for wish in wishes:
            size = self._files.size(wish.input_sha256)
            if group and octets + size > _IN_ONE_LEASE:
                yield group
                group, octets = [], 0
            group.append(wish)
            octets += size
        if group:
            yield group


def _finished(keyed: KeyedPdf, output: Path, hand: Hand) -> SignedPdf | SignerError:
    """Stamped as wanted; without a stamp, with room for one, when there is none to be had now."""
    try:
        try:
            return finish_pdf(keyed, output, stamper=hand.stamper, material=hand.material)
        except Unavailable:
            if hand.stamper is None:
                raise
            return finish_pdf(keyed, output, stamper=None, material=None)
    except SignerError as error:
        return error


def _require_same(row: Signature, person_id: int, input_sha256: str) -> None:
    if row.person_id != person_id or row.input_sha256 != input_sha256:
        raise Conflict(_CHANGED)


def _storable(field_name: str) -> str:
    """The name of a field as a column can hold it; whoever drew the form chose the name."""
    return "".join(letter for letter in field_name if letter.isprintable())[:100]
