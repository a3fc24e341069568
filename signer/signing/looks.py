"""What a signature looks like when it is no official's own: initials, seals and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from signer.errors import Invalid
from signer.signing.agency_placement import anywhere, corner, seal_box, top_right
from signer.signing.appearance import AppearanceKind, AppearanceText, size_of
from signer.signing.geometry import Box, PageSize, fitted
from signer.signing.pages import Word
from signer.signing.placement import Placement, PlacementReason, propose_small
from signer.signing.preflight import Preflight

_TOUCH = 1.0
"""Points by which a seal reaches into a block of text: its border, and no letter."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The kind of mark and what it says; part of the list that its signer approves."""

    kind: AppearanceKind
    number: str = ""
    copy_form: str = ""
    forwarded_to: str = ""
    file_symbol: str = ""

    def to_json(self) -> dict[str, str]:
        """Plain JSON values, which the list's hash is over."""
        return {
            "kind": self.kind.value,
            "number": self.number,
            "copy_form": self.copy_form,
            "forwarded_to": self.forwarded_to,
            "file_symbol": self.file_symbol,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Look":
        """What `to_json` told."""
        return cls(**{**told, "kind": AppearanceKind(told["kind"])})

    def on(self, text: AppearanceText) -> AppearanceText:
        """The block of this look, with the name, image and mark of who signs."""
        return replace(
            text,
            kind=self.kind,
            number=self.number,
            copy_form=self.copy_form,
            forwarded_to=self.forwarded_to,
            file_symbol=self.file_symbol,
        )


def place_look(
    text: AppearanceText,
    at: datetime,
    report: Preflight,
    words: Mapping[int, Sequence[Word]],
    *,
    field_name: str | None = None,
    image_px: tuple[int, int] | None = None,
) -> Placement:
    """Where the block belongs, in the size it needs (Decree 30/2020, Appendix I, II.8 and II.14).

    A seal goes to the field of that name, which shows an image of those proportions, or text when
    None.
    """
    if text.kind is AppearanceKind.INITIAL:
        return propose_small(words, report.pages, size_of(text, at), report.fields)
    if text.kind is AppearanceKind.SEAL and text.image_mm is not None:
        for field in report.fields:
            if field.name == field_name and field.box is not None:
                there = report.pages[field.page - 1]
                box, why = _seal_at(field.box, image_px, text.image_mm, there)
                return Placement(page=field.page, box=box, reason=why)
    obstacles = [word.box for word in words.get(1, ())]
    obstacles += [f.box for f in report.fields if f.page == 1 and f.box is not None]
    page, size = report.pages[0], size_of(text, at)
    reason = PlacementReason.TOP_CORNER if words.get(1) else PlacementReason.TOP_OF_SCAN
    found = corner(page, size, obstacles)
    if found is None:
        found, reason = anywhere(page, size, obstacles), PlacementReason.FREE_ON_FIRST
    if found is None:  # whoever signs has to say where
        found, reason = top_right(page, size), PlacementReason.CROWDED
    return Placement(page=1, box=found, reason=reason)


def _seal_at(
    signature: Box,
    image_px: tuple[int, int] | None,
    size_mm: tuple[float, float],
    page: PageSize,
) -> tuple[Box, PlacementReason]:
    """Over a third of the image (II.8a); beside a block of text, whose lines stay readable."""
    if image_px is not None:
        try:
            box = seal_box(fitted(signature, *image_px), size_mm, page)
            return box, PlacementReason.OVER_SIGNATURE
        except Invalid:
            pass  # at the edge of the page, or a tiny seal: beside it then, for the keeper to move
    wide, high = size_mm[0] * 72 / 25.4, size_mm[1] * 72 / 25.4
    right = max(signature.x0 + _TOUCH, wide)
    low = min(max((signature.y0 + signature.y1 - high) / 2, 0.0), max(0.0, page.height - high))
    box = Box(x0=right - wide, y0=low, x1=right, y1=low + high)
    return box, PlacementReason.BESIDE_SIGNATURE
