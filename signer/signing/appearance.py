"""The visible signature: which lines or image, at which size, as which bytes of PDF.

Pure geometry and bytes: no PDF library is involved, so the block is the same for every document.
What stands in a block is data: `appearances.toml`.
"""

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from signer.clock import HANOI
from signer.errors import N_, Invalid
from signer.signing.fonts import VIETNAMESE, EmbeddedFont, font_for
from signer.signing.geometry import Box, fitted, points_of
from signer.signing.images_task import EmbeddedImage, embedded

__all__ = ["VIETNAMESE", "AppearanceKind", "AppearanceText", "Drawing", "EmbeddedFont", "draw"]

COMFORTABLE_POINTS = 6.5
"""Lines are not broken for the sake of letters larger than this."""

MARK_POINTS = 6.5
"""Size of the mark across an image."""

PADDING_POINTS = 3.0
BORDER_POINTS = 0.75
MARK_INK = "0.75 0.05 0.05"

EXACT_POINTS = 0.75
"""How far the box of an image in real size may be off: a quarter of a millimetre."""


class AppearanceKind(StrEnum):
    """What the signature is for; the look of each is a table of `appearances.toml`."""

    PERSONAL = "personal"
    SEAL = "seal"
    INITIAL = "initial"
    COPY = "copy"
    APPENDIX = "appendix"
    INCOMING = "incoming"


@dataclass(frozen=True, kw_only=True)
class AppearanceText:
    """What the block says; the time is added when it is drawn."""

    name: str = ""
    organisation: str = ""
    title: str = ""
    mark: str = ""
    """A warning drawn in red on top, such as that the certificate is for tests only (R16)."""
    kind: AppearanceKind = AppearanceKind.PERSONAL
    image_png: bytes = b""
    """The stored image of the signature or seal; it is decoded in the sandbox only."""
    image_mm: tuple[float, float] | None = None
    """Width and height of the real seal; needed with a seal, which is never scaled (R39)."""
    number: str = ""
    """Number and symbol of the (main) document, or the number among those that came in."""
    copy_form: str = ""
    """SAO Y, SAO LỤC or TRÍCH SAO (Decree 30/2020, article 25)."""
    forwarded_to: str = ""
    file_symbol: str = ""

    def to_message(self) -> tuple[dict[str, Any], tuple[bytes, ...]]:
        """JSON and byte strings from which `from_message` makes the same value."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        del told["image_png"]
        return told, (self.image_png,) if self.image_png else ()

    @classmethod
    def from_message(cls, told: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> "AppearanceText":
        """What `to_message` told."""
        size = told["image_mm"]
        return cls(
            **{
                **told,
                "kind": AppearanceKind(told["kind"]),
                "image_mm": None if size is None else (float(size[0]), float(size[1])),
                "image_png": blobs[0] if blobs else b"",
            }
        )


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A content stream that fills the rectangle from (0, 0) to (width, height) points."""

    width: float
    height: float
    content: bytes
    fonts: tuple[EmbeddedFont, ...] = ()
    """Resources /F0, /F1 … in this order."""
    images: tuple[EmbeddedImage, ...] = ()
    """Resources by their names, /I0 …"""
    points: float
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One table of `appearances.toml`, where the entries are explained."""

    font: str
    points: tuple[float, float]
    ink: str
    image: str
    size_mm: tuple[float, float]
    lines: tuple[str, ...] = ()
    time: str = ""
    border: bool = False
    exact_size: bool = False
    centred: int = 0
    droppable: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One line or paragraph; `facts` are the placeholders it is about."""

    text: str
    ink: str
    is_centred: bool = False
    facts: frozenset[str] = frozenset()


MISSING = {
    "name": N_("Chữ ký hiển thị phải có họ tên người ký."),
    "organisation": N_("Chữ ký hiển thị phải có tên cơ quan, tổ chức."),
    "number": N_("Chữ ký hiển thị phải có số và ký hiệu văn bản."),
    "copy_form": N_("Hình thức sao phải là SAO Y, SAO LỤC hoặc TRÍCH SAO."),
}
COPY_FORMS = ("SAO Y", "SAO LỤC", "TRÍCH SAO")


@cache
def _looks() -> dict[str, _Look]:
    with Path(__file__).with_name("appearances.toml").open("rb") as file:
        tables = tomllib.load(file)
    looks = {}
    for kind, table in tables.items():
        entries: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in table.items()
        }
        looks[kind] = _Look(**entries)
    return looks


def draw(text: AppearanceText, at: datetime, width: float, height: float) -> Drawing:
    """The block at the largest size that fits the box of that size.

    In a small box the lines that `appearances.toml` calls droppable go; the others always stay.
    `Invalid` when even these do not fit, when a fact is missing, when the font lacks a letter,
    and when an image in real size is given another one. Call it in the sandbox: an image is read.
    """
    look = _looks()[text.kind]
    lines = _paragraphs(text, look, at)
    if text.image_png and look.image != "none":
        return _image_drawing(text, look, lines, width, height)
    if look.image == "required":
        raise Invalid(N_("Chưa có hình ảnh con dấu của cơ quan."), field="image")
    font = font_for("".join(line.text for line in lines).replace("\u00a0", " "), look.font)
    room_x, room_y = width - 2 * PADDING_POINTS, height - 2 * PADDING_POINTS
    dropped: set[str] = set()
    for fact in ("", *look.droppable):
        dropped.add(fact)
        kept = [line for line in lines if not line.facts & dropped]
        if found := _fit(kept, font, look.points, room_x, room_y):
            points, wrapped = found
            content = [_border(look.ink, width, height)] if look.border else []
            content.append(_text(wrapped, font, points, width, height))
            return Drawing(
                width=width,
                height=height,
                content=b"\n".join(content),
                fonts=(font,),
                points=points,
                lines=tuple(line.text for line in wrapped),
            )
    raise Invalid(
        N_("Khung chữ ký quá nhỏ: không đủ chỗ cho nội dung phải có của chữ ký."), field="box"
    )


def size_of(text: AppearanceText, at: datetime) -> tuple[float, float]:
    """Width and height in points of the box this block is best given; the image is not read."""
    look = _looks()[text.kind]
    width, height = text.image_mm if look.exact_size and text.image_mm else look.size_mm
    if height:
        return points_of(width), points_of(height)
    lines = _paragraphs(text, look, at)
    font = font_for("".join(line.text for line in lines).replace("\u00a0", " "), look.font)
    points = look.points[1]
    room = (points_of(width) - 2 * PADDING_POINTS) / points
    wrapped = _wrapped([_measured(line, font) for line in lines], font.width(" ", 1), room)
    if wrapped is None:
        raise Invalid(N_("Tên cơ quan có từ quá dài nên không hiện được."), field="organisation")
    longest = max(font.width(line.text, points) for line in wrapped)
    leading = (font.ascent - font.descent) / 1000 * points
    return longest + 2 * PADDING_POINTS + 0.1, leading * len(wrapped) + 2 * PADDING_POINTS + 0.1


def _paragraphs(text: AppearanceText, look: _Look, at: datetime) -> list[_Line]:
    """The lines that have something to say, the mark first."""
    facts = {
        field.name: _clean(value)
        for field in fields(text)
        if isinstance(value := getattr(text, field.name), str)
    }
    for fact in look.required:
        if not facts[fact] or (fact == "copy_form" and facts[fact] not in COPY_FORMS):
            raise Invalid(MISSING[fact], field=fact)
    # Decree 30/2020, Appendix I, II.14b: lower case.
    facts["copy_form"] = facts["copy_form"].capitalize()
    facts["time"] = at.astimezone(HANOI).strftime(look.time).replace(" +", "\u00a0+")
    lines = [_Line(text=facts["mark"], ink=MARK_INK)] if facts["mark"] else []
    for index, template in enumerate(look.lines):
        named = frozenset(name for _, name, _, _ in Formatter().parse(template) if name)
        if not named or any(facts[name] for name in named):
            lines.append(
                _Line(
                    text=template.format_map(facts),
                    ink=look.ink,
                    is_centred=index < look.centred,
                    facts=named,
                )
            )
    return lines


def _clean(text: str) -> str:
    """NFC, because the font has the precomposed letters only; white space becomes one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _image_drawing(
    text: AppearanceText, look: _Look, lines: Sequence[_Line], width: float, height: float
) -> Drawing:
    """The image alone, in its proportions; only a mark is written across it (R16)."""
    image = embedded(text.image_png, "I0")
    if look.exact_size:
        _check_real_size(text.image_mm, image, width, height)
    box = fitted(Box(x0=0, y0=0, x1=width, y1=height), image.width, image.height)
    content = [
        f"q {box.width:.3f} 0 0 {box.height:.3f} {box.x0:.3f} {box.y0:.3f} cm /I0 Do Q".encode()
    ]
    fonts: tuple[EmbeddedFont, ...] = ()
    marks = lines[:1] if _clean(text.mark) else []
    if marks:
        fonts = (font_for(marks[0].text, look.font),)
        sizes = look.points[0], MARK_POINTS
        found = _fit(marks, fonts[0], sizes, width - 2 * PADDING_POINTS, height)
        if found is None:
            raise Invalid(N_("Khung chữ ký quá nhỏ: không đủ chỗ cho dòng cảnh báo."), field="box")
        content.append(_text(found[1], fonts[0], found[0], width, height))
    return Drawing(
        width=width,
        height=height,
        content=b"\n".join(content),
        fonts=fonts,
        images=(image,),
        points=found[0] if marks and found else 0.0,
        lines=tuple(line.text for line in marks),
    )


def _check_real_size(
    size_mm: tuple[float, float] | None, image: EmbeddedImage, width: float, height: float
) -> None:
    """Decree 30/2020, Appendix I, II.8a: the image of the seal has the seal's real size."""
    if size_mm is None:
        raise Invalid(N_("Chưa có kích thước thực tế của con dấu (mm)."), field="image_mm")
    real = points_of(size_mm[0]), points_of(size_mm[1])
    if abs(real[0] - width) > EXACT_POINTS or abs(real[1] - height) > EXACT_POINTS:
        raise Invalid(
            N_("Con dấu phải đúng kích thước thực tế %(width)s × %(height)s mm."),
            field="box",
            width=f"{size_mm[0]:g}",
            height=f"{size_mm[1]:g}",
        )
    if abs(image.width / image.height * real[1] / real[0] - 1) > 0.03:
        raise Invalid(
            N_("Hình ảnh con dấu không cùng tỷ lệ với kích thước thực tế."), field="image"
        )


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A paragraph taken apart: its words and their widths at one point of size."""

    line: _Line
    words: tuple[str, ...]
    widths: tuple[float, ...]


def _fit(
    paragraphs: Sequence[_Line],
    font: EmbeddedFont,
    sizes: tuple[float, float],
    room_x: float,
    room_y: float,
) -> tuple[float, list[_Line]] | None:
    """The size and the wrapped lines that read best in the room.

    Unbroken lines win while they are at least `COMFORTABLE_POINTS` high; otherwise the largest
    size that fits, in quarter points, lines broken at blanks.
    """
    smallest, largest = sizes
    leading = (font.ascent - font.descent) / 1000
    measured = [_measured(line, font) for line in paragraphs]
    blank = font.width(" ", 1)
    longest = max(sum(m.widths) + blank * (len(m.words) - 1) for m in measured)
    unbroken = min(largest, room_x / longest, room_y / (leading * len(measured)))
    if unbroken >= max(COMFORTABLE_POINTS, smallest):
        points = int(unbroken * 4) / 4
        return points, [replace(m.line, text=" ".join(m.words)) for m in measured]
    quarters = int(min(largest, room_y / (leading * len(measured))) * 4)
    for points in (quarter / 4 for quarter in range(quarters, int(smallest * 4) - 1, -1)):
        lines = _wrapped(measured, blank, room_x / points)
        if lines is not None and len(lines) * leading * points <= room_y:
            return points, lines
    return None


def _measured(line: _Line, font: EmbeddedFont) -> _Measured:
    words = tuple(word.replace("\u00a0", " ") for word in line.text.split(" "))
    return _Measured(line=line, words=words, widths=tuple(font.width(w, 1) for w in words))


def _wrapped(paragraphs: Sequence[_Measured], blank: float, room: float) -> list[_Line] | None:
    """Lines no wider than `room` (in ems), broken at blanks; `None` when one word is wider."""
    lines: list[_Line] = []
    for paragraph in paragraphs:
        used = 0.0
        for index, (word, width) in enumerate(zip(paragraph.words, paragraph.widths, strict=True)):
            if width > room:
                return None
            if index and used + blank + width <= room:
                lines[-1] = replace(lines[-1], text=f"{lines[-1].text} {word}")
                used += blank + width
            else:
                lines.append(replace(paragraph.line, text=word))
                used = width
    return lines


def _border(ink: str, width: float, height: float) -> bytes:
    half = BORDER_POINTS / 2
    return (
        f"q {ink} RG {BORDER_POINTS} w {half:.3f} {half:.3f} "
        f"{width - BORDER_POINTS:.3f} {height - BORDER_POINTS:.3f} re S Q"
    ).encode()


def _text(
    lines: Sequence[_Line], font: EmbeddedFont, points: float, width: float, height: float
) -> bytes:
    """The lines, centred vertically; /F0 is the font's resource name."""
    leading = (font.ascent - font.descent) / 1000 * points
    top = height - (height - leading * len(lines)) / 2
    y = top - font.ascent / 1000 * points
    parts = [f"BT /F0 {points:g} Tf".encode()]
    for line in lines:
        x = (width - font.width(line.text, points)) / 2 if line.is_centred else PADDING_POINTS
        parts.append(
            f"{line.ink} rg 1 0 0 1 {x:.3f} {y:.3f} Tm ".encode() + font.encoded(line.text) + b" Tj"
        )
        y -= leading
    parts.append(b"ET")
    return b"\n".join(parts)
