"""The image of a body's seal with its real size: handed in, cleaned, kept by its hash."""

from dataclasses import dataclass
from datetime import datetime

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.db import db, release, transaction
from signer.errors import N_, Forbidden, Invalid, NotFound
from signer.files import Files
from signer.inventory.service import Inventory
from signer.issuance import keys
from signer.signing.images import COARSE_PX, MOSTLY, TOO_COARSE, WAS_WHITE, cleaned
from signer.signing.models import SealImage

NOT_RED = N_("Mực không phải màu đỏ. Nghị định 30/2020/NĐ-CP yêu cầu hình ảnh dấu màu đỏ.")
NOT_SAME_SHAPE = N_("Hình ảnh con dấu không cùng tỷ lệ với kích thước thực tế.")
LEAST_MM, MOST_MM = 15.0, 60.0
"""Seals of bodies measure about 36 mm; what lies far outside was measured in another unit."""


@dataclass(frozen=True, kw_only=True)
class StoredSeal:
    """The image that stands in the body's seals from now on."""

    unit_id: int
    sha256: str
    width_px: int
    height_px: int
    width_mm: float
    height_mm: float
    updated_at: datetime


class SealImages:
    """One image a body; replacing it changes no seal that was set."""

    def __init__(self, clock: Clock, audit: Audit, files: Files, inventory: Inventory) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._inventory = inventory

    def find_of(self, unit_id: int) -> StoredSeal | None:
        """The image of the body's seal."""
        row = db.session.get(SealImage, unit_id)
        if row is None:
            return None
        return StoredSeal(
            unit_id=row.unit_id,
            sha256=row.sha256,
            width_px=row.width_px,
            height_px=row.height_px,
            width_mm=row.width_mm,
            height_mm=row.height_mm,
            updated_at=row.updated_at,
        )

    def png_of(self, unit_id: int) -> bytes:
        """The PNG for this body's seals; nothing when there is none yet."""
        row = db.session.get(SealImage, unit_id)
        release()
        return b"" if row is None else self._files.get(row.sha256)

    def png(self, actor: Actor, unit_code: str) -> bytes:
        """As `png_of`, for whoever may store it; `NotFound` when there is none."""
        found = self.png_of(self._unit_for(actor, unit_code))
        if not found:
            raise NotFound(N_("Chưa có hình ảnh con dấu của cơ quan."))
        return found

    def store(
        self, actor: Actor, unit_code: str, png: bytes, width_mm: float, height_mm: float
    ) -> tuple[str, ...]:
        """The cleaned image is the body's, at this real size; answers what to look at again.

        For the keeper, and for whoever asks for certificates of the unit.
        """
        unit_id = self._unit_for(actor, unit_code)
        for name, size in (("width_mm", width_mm), ("height_mm", height_mm)):
            if not LEAST_MM <= size <= MOST_MM:
                raise Invalid(
                    N_("Kích thước con dấu phải từ %(least)g đến %(most)g mm."),
                    field=name,
                    least=LEAST_MM,
                    most=MOST_MM,
                )
        release()
        told, clean = cleaned(png)
        width, height = int(told["width"]), int(told["height"])
        if abs(width / height * height_mm / width_mm - 1) > 0.03:
            raise Invalid(NOT_SAME_SHAPE, field="image")
        sha256 = self._files.put(clean)
        with transaction():
            db.session.merge(
                SealImage(
                    unit_id=unit_id,
                    sha256=sha256,
                    width_px=width,
                    height_px=height,
                    width_mm=width_mm,
                    height_mm=height_mm,
                    updated_at=self._clock.now(),
                )
            )
            self._audit.record(
                actor.name,
                "seal_image.stored",
                f"unit:{unit_code}",
                sha256=sha256,
                size=f"{width_mm:g}x{height_mm:g}",
            )
        looked_at = {
            NOT_RED: told["red"] < MOSTLY,
            WAS_WHITE: told["was_opaque"],
            TOO_COARSE: max(width, height) < COARSE_PX,
        }
        return tuple(sentence for sentence, applies in looked_at.items() if applies)

    def _unit_for(self, actor: Actor, unit_code: str) -> int:
        unit = self._inventory.unit_of(unit_code)
        person = (
            self._inventory.person_of_account(actor.account_id)
            if actor.account_id is not None
            else None
        )
        key = keys.find_seal_key(unit.id)
        if key is not None and person is not None and key.person_id == person.id:
            return unit.id
        if not actor.can(Permission.REQUEST_CREATE):
            raise Forbidden(N_("Chỉ người giữ con dấu hoặc cán bộ đầu mối nộp được hình ảnh dấu."))
        actor.require(Permission.REQUEST_CREATE, unit.path)
        return unit.id
