"""The image of a person's own signature: handed in, cleaned in the sandbox, kept by its hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from signer.accounts import Actor
from signer.audit import Audit
from signer.clock import Clock
from signer.db import LOST_RACE, db, release, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import Person
from signer.inventory.service import Inventory
from signer.signing.models import SignatureImage
from signer.signing.sandbox import SandboxFailure, drawing_sandbox

LIMIT_BYTES = 5 * 1024 * 1024
"""A page of A4 in colour at 600 dpi with one signature on it is smaller as PNG."""

CLEANING_SECONDS = 20.0
"""The largest image allowed takes four."""

MOSTLY = 0.6
"""Share of the ink that has to be blue; the edges of a stroke are grey in every scan."""

NOT_BLUE = N_("Nét mực không phải màu xanh. Nghị định 30/2020/NĐ-CP yêu cầu chữ ký màu xanh.")
WAS_WHITE = N_("Ảnh không có nền trong suốt nên nền trắng đã được làm trong suốt; hãy xem lại.")
TOO_COARSE = N_("Ảnh có ít điểm ảnh nên khi in sẽ bị vỡ nét; nên quét lại ở 300 dpi.")
COARSE_PX = 300
"""Fewer dots on the longer side show as steps when the image is 60 mm wide."""


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """The image that stands in the person's signatures from now on."""

    sha256: str
    width_px: int
    height_px: int
    updated_at: datetime


class SignatureImages:
    """One image a person; replacing or removing it changes no signature that was made."""

    def __init__(self, clock: Clock, audit: Audit, files: Files, inventory: Inventory) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._inventory = inventory

    def find_of(self, actor: Actor) -> OwnImage | None:
        """The actor's own image."""
        row = db.session.get(SignatureImage, self._person_of(actor).id)
        return None if row is None else _told(row)

    def png(self, actor: Actor) -> bytes:
        """The actor's own image as PNG; `NotFound` when there is none."""
        found = self.png_of(self._person_of(actor).id)
        if not found:
            raise NotFound(N_("Bạn chưa có hình ảnh chữ ký."))
        return found

    def png_of(self, person_id: int) -> bytes:
        """The PNG for this person's signatures; nothing when they are signed with text."""
        row = db.session.get(SignatureImage, person_id)
        release()
        return b"" if row is None else self._files.get(row.sha256)

    def store(self, actor: Actor, png: bytes) -> tuple[str, ...]:
        """The cleaned image is the actor's own; answers what should still be looked at.

        `Invalid` for what is no PNG, too large, or has nothing drawn on it.
        """
        person = self._person_of(actor)
        release()
        told, clean = cleaned(png)
        sha256 = self._files.put(clean)
        with transaction():
            db.session.merge(
                SignatureImage(
                    person_id=person.id,
                    sha256=sha256,
                    width_px=int(told["width"]),
                    height_px=int(told["height"]),
                    updated_at=self._clock.now(),
                )
            )
            try:
                db.session.flush()
            except IntegrityError as error:  # the first image, sent from two windows at once
                raise Conflict(LOST_RACE) from error
            self._audit.record(
                actor.name, "signature_image.stored", f"person:{person.code}", sha256=sha256
            )
        looked_at = {
            NOT_BLUE: told["blue"] < MOSTLY,
            WAS_WHITE: told["was_opaque"],
            TOO_COARSE: max(told["width"], told["height"]) < COARSE_PX,
        }
        return tuple(sentence for sentence, applies in looked_at.items() if applies)

    def remove(self, actor: Actor) -> None:
        """The person's next signatures show text; `NotFound` when there was no image."""
        person = self._person_of(actor)
        with transaction():
            row = db.session.get(SignatureImage, person.id)
            if row is None:
                raise NotFound(N_("Bạn chưa có hình ảnh chữ ký."))
            self._audit.record(
                actor.name, "signature_image.removed", f"person:{person.code}", sha256=row.sha256
            )
            db.session.delete(row)

    def _person_of(self, actor: Actor) -> Person:
        person = self._inventory.person_of_account(actor.account_id)
        if person is None:
            raise NotFound(N_("Tài khoản này chưa gắn với cán bộ nào trong danh sách."))
        return person


def _told(row: SignatureImage) -> OwnImage:
    return OwnImage(
        sha256=row.sha256,
        width_px=row.width_px,
        height_px=row.height_px,
        updated_at=row.updated_at,
    )


def cleaned(png: bytes) -> tuple[Mapping[str, Any], bytes]:
    """What the sandbox says of the image, and the image cut to its ink; `Invalid` if it is none."""
    if not 0 < len(png) <= LIMIT_BYTES:
        raise Invalid(
            N_("Hãy chọn một ảnh PNG không quá %(most)s MB."),
            field="image",
            most=LIMIT_BYTES // 1024**2,
        )
    try:
        reply = drawing_sandbox().call("images_task:accept", {}, (png,), seconds=CLEANING_SECONDS)
    except SandboxFailure as failure:
        raise Invalid(
            N_("Không đọc được hình ảnh: tệp phải là ảnh PNG không bị lỗi."), field="image"
        ) from failure
    return reply.value, reply.blobs[0]
