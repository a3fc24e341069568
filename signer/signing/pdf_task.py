"""In the sandbox: what will be appended to a document, laid out with gaps for the parent to fill.

No key and no certificate's key is here, and nothing is written to a file: the parent gets the
bytes to append and the places of the gaps, and makes the digests itself. All updates of one call
come from one reading of the document.
"""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    append_signature_field,
    enumerate_sig_fields,
)
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigMDPSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import BuildProps, SignatureObject

from signer.clock import HANOI
from signer.errors import N_, Invalid
from signer.signing.appearance import AppearanceText, Drawing, draw
from signer.signing.geometry import Box, PageGeometry
from signer.signing.levels import Level
from signer.signing.pdf_dss import (
    add_material,
    add_stamp,
    gap_of,
    has_room,
    signatures_without_stamp,
)
from signer.signing.pdf_objects import (
    entry_of,
    geometry_of_page,
    objects,
    raw_items,
    stream_of,
    text_of,
    top_names,
    widget_of,
)
from signer.signing.pdf_shared import Resources, shared_font, shared_image
from signer.signing.pdf_update import UpdateWriter

__all__ = [
    "augment",
    "entry_of",
    "geometry_of_page",
    "prepare",
    "prepare_fields",
    "raw_items",
    "widget_of",
]

NEW_FIELD = "Signature1"

BROKEN = (
    PdfError, SigningError, zlib.error, ValueError, TypeError, LookupError, AttributeError,
)  # fmt: skip
"""pyHanko meets malformed objects with any of these (design.md, "Measured floors")."""

Answer = tuple[dict[str, Any], tuple[bytes]]


def prepare(
    *,
    source: str,
    field_name: str | None,
    page: int,
    box: list[float] | None,
    appearance: dict[str, Any],
    at: str,
    reason: str | None,
    reserved_bytes: int,
    certify: bool,
    level: str,
    stamp_bytes: int,
    answer_sizes: list[int],
    kinds: list[int],
    blobs: tuple[bytes, ...] = (),
) -> Answer:
    """One update with the signature and one with what its level needs; see `pdf.prepare_pdf`.

    `blobs` are the appearance's, certificates and CRLs, `kinds` how many there are of each.
    """
    mine, certificates, crls = _by_kind(blobs, kinds)
    with _writer_of(source) as writer:
        text = AppearanceText.from_message(appearance, mine)
        update = _Update(writer, text, datetime.fromisoformat(at))
        update.choose_field(field_name, page, None if box is None else Box(**_corners(box)))
        signature = update.write(reason, reserved_bytes, certify=certify)
        parts = [_part(writer, gap=signature)]
        if Level(level).has_material:
            parts.append(
                _protected(writer, Level(level), stamp_bytes, certificates, crls, answer_sizes)
            )
        told = {
            "parts": parts,
            "field_name": update.name,
            "page": update.page,
            "certified": update.certifies,
        }
        return told, (writer.appended(),)


def augment(
    *,
    source: str,
    level: str,
    stamp_bytes: int,
    answer_sizes: list[int],
    kinds: list[int],
    blobs: tuple[bytes, ...] = (),
) -> Answer:
    """The updates a signed document lacks for the level; see `pdf.augment_pdf`."""
    _, certificates, crls = _by_kind(blobs, kinds)
    with _writer_of(source) as writer:
        newest, unstamped = signatures_without_stamp(writer)
        fill, parts = None, []
        if unstamped and has_room(writer, newest, unstamped, stamp_bytes):
            fill = [int(newest["/ByteRange"][1]), int(newest["/ByteRange"][2])]
        elif unstamped:
            stamp = add_stamp(writer, stamp_bytes)
            parts.append(_part(writer, gap=stamp))
        if Level(level).has_material:
            parts.append(
                _protected(writer, Level(level), stamp_bytes, certificates, crls, answer_sizes)
            )
        told = {"parts": parts, "fill": fill, "field_name": "", "page": 1, "certified": False}
        return told, (writer.appended(),)


def prepare_fields(*, source: str, slots: list[dict[str, Any]]) -> Answer:
    """One update with empty signature fields; see `pdf.prepare_fields`."""
    with _writer_of(source) as writer:
        names = top_names(writer.root)
        for slot in slots:
            if slot["name"] in names or "." in slot["name"] or not slot["name"].strip():
                raise Invalid(
                    N_("Tên ô chữ ký “%(name)s” đã có hoặc không dùng được."), name=slot["name"]
                )
            names.add(slot["name"])
            page = _page_of(writer, int(slot["page"]))
            box = Box(**_corners(slot["box"]))
            user = _on_page(geometry_of_page(page), box, int(slot["page"])).to_user(box)
            field = SigFieldSpec(
                slot["name"],
                on_page=int(slot["page"]) - 1,
                box=(user.x0, user.y0, user.x1, user.y1),  # type: ignore[arg-type]  # reals work
                readable_field_name=slot["tooltip"] or None,
                field_mdp_spec=FieldMDPSpec(FieldMDPAction.ALL) if slot["lock"] else None,
                empty_field_appearance=False,
            )
            append_signature_field(writer, field)
        parts = [_part(writer)]
        told = {"parts": parts, "field_name": "", "page": 1, "certified": False}
        return told, (writer.appended(),)


@contextmanager
def _writer_of(source: str) -> Iterator[UpdateWriter]:
    try:
        with Path(source).open("rb") as file:
            yield UpdateWriter(file)
    except BROKEN as error:
        raise Invalid(
            N_("Tài liệu PDF có cấu trúc bị lỗi nên không ký được. Hãy xuất lại tệp PDF.")
        ) from error


def _by_kind(blobs: Sequence[bytes], kinds: Sequence[int]) -> list[tuple[bytes, ...]]:
    found, at = [], 0
    for count in kinds:
        found.append(tuple(blobs[at : at + count]))
        at += count
    return found


def _protected(
    writer: UpdateWriter,
    level: Level,
    stamp_bytes: int,
    certificates: Sequence[bytes],
    crls: Sequence[bytes],
    answer_sizes: Sequence[int],
) -> dict[str, Any]:
    """The update with the material, and for B-LTA a document time stamp over everything."""
    writer.begin_update()
    regions = add_material(writer, certificates, crls, answer_sizes)
    stamp = add_stamp(writer, stamp_bytes) if level is Level.B_LTA else None
    return _part(writer, gap=stamp) | {"regions": [[r.start, r.end] for r in regions]}


def _part(writer: UpdateWriter, gap: Any = None) -> dict[str, Any]:
    """The changes are an update; where it ends and what the parent fills in it."""
    end = writer.write_update()
    return {"end": end, "gap": None if gap is None else gap_of(writer, gap, end), "regions": []}


def _corners(box: list[float]) -> dict[str, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return {"x0": min(x0, x1), "y0": min(y0, y1), "x1": max(x0, x1), "y1": max(y0, y1)}


class _Update:
    """One incremental update while it is being composed."""

    def __init__(self, writer: UpdateWriter, text: AppearanceText, at: datetime) -> None:
        self.writer: Any = writer  # its methods carry no types
        self.text = text
        self.at = at
        self.name = ""
        self.geometry: PageGeometry
        self.page = 0
        self.is_first = True
        self.certifies = False
        self.resources = Resources(writer)
        self.new_field: SigFieldSpec | None = None
        self.drawing: Drawing | None = None

    def choose_field(self, wanted: str | None, page: int, box: Box | None) -> None:
        """An existing empty field of that name, else a new one under a name not yet used."""
        taken: set[str] = set()
        empty = None
        for name, value, reference in enumerate_sig_fields(self.writer):
            taken.add(name)
            if value:
                self.is_first = False
                _refuse_when_closed(value.get_object(), wanted or NEW_FIELD)
                kept = entry_of(entry_of(reference.get_object(), "/AP", {}), "/N", {})
                self.resources.note(kept)
            elif name == wanted:
                empty = reference
        if empty is not None and wanted is not None:
            self.name = wanted
            self.page, self.geometry = self._page_showing(empty)
            return
        if box is None:
            raise Invalid(N_("Hãy chọn vị trí đặt chữ ký trên trang."), field="box")
        if not self.is_first and "/DocMDP" in entry_of(self.writer.root, "/Perms", {}):
            # ISO 32000-2, 12.8.2.2: whoever certified allowed fields to be filled, not to be added
            raise Invalid(
                N_(
                    "Người ký đầu tiên chỉ cho ký vào các ô chữ ký có sẵn, và tài liệu này không"
                    " còn ô nào trống cho bạn. Hãy trả lại để người trình đặt đủ ô chữ ký."
                ),
                field="box",
            )
        geometry = geometry_of_page(_page_of(self.writer, page))
        self.page, self.geometry = page, _on_page(geometry, box, page)
        self.drawing = draw(self.text, self.at, box.width, box.height)
        self.name = self._free_name(wanted or NEW_FIELD, taken)
        user = self.geometry.to_user(box)
        self.new_field = SigFieldSpec(
            self.name,
            on_page=page - 1,
            box=(user.x0, user.y0, user.x1, user.y1),  # type: ignore[arg-type]  # reals work
        )

    def write(self, reason: str | None, reserved_bytes: int, *, certify: bool) -> SignatureObject:
        """The signature with its gap is in the update."""
        steps = PdfCMSEmbedder(new_field_spec=self.new_field).write_cms(self.name, self.writer)
        field = next(steps).get_object()
        who = self.text.name or self.text.organisation
        if self.new_field is not None:
            field["/TU"] = text_of(f"Chữ ký số của {who}")
        self._show(field)
        self.certifies = certify and self.is_first
        signature = SignatureObject(
            timestamp=self.at.astimezone(HANOI),
            app_build_props=BuildProps(name="signer"),
            bytes_reserved=2 * reserved_bytes,
        )
        signature["/Name"] = text_of(who)
        if reason:
            signature["/Reason"] = text_of(reason)
        signature["/SubFilter"] = pdf_name("/ETSI.CAdES.detached")
        steps.send(
            SigObjSetup(sig_placeholder=signature, mdp_setup=_locks_of(field, self.certifies))
        )
        return signature

    def _show(self, field: Any) -> None:  # pyHanko's objects are untyped dictionaries
        annotation = widget_of(field)
        rectangle = [float(value) for value in entry_of(annotation, "/Rect", (0, 0, 0, 0))]
        displayed = self.geometry.to_display(
            Box(x0=rectangle[0], y0=rectangle[1], x1=rectangle[2], y1=rectangle[3])
        )
        if displayed.width < 1 or displayed.height < 1:
            return  # the form's author made an invisible field
        drawing = self.drawing or draw(self.text, self.at, displayed.width, displayed.height)
        form = self.writer.add_object(self._form(drawing))
        annotation["/AP"] = objects.DictionaryObject({pdf_name("/N"): form})
        annotation.pop("/AS", None)
        self.writer.update_container(annotation)

    def _form(self, drawing: Drawing) -> Any:
        a, b, c, d = self.geometry.appearance_matrix()
        fonts = b"".join(
            b"/F%d %d 0 R" % (index, self.resources.number_of(shared_font(font)))
            for index, font in enumerate(drawing.fonts)
        )
        images = b"".join(
            b"/%s %d 0 R" % (image.name.encode(), self.resources.number_of(shared_image(image)))
            for image in drawing.images
        )
        return stream_of(
            drawing.content,
            b"/Type/XObject/Subtype/Form/BBox[0 0 %.3f %.3f]/Matrix[%d %d %d %d 0 0]"
            b"/Resources<</Font<<%s>>/XObject<<%s>>>>"
            % (drawing.width, drawing.height, a, b, c, d, fonts, images),
        )

    def _page_showing(self, field: Any) -> tuple[int, PageGeometry]:
        """The page whose /Annots holds the field's widget (/P is optional and may lie)."""
        widget = widget_of(field.get_object())
        wanted = widget.container_ref
        pages = int(self.writer.root["/Pages"]["/Count"])
        for number in range(1, pages + 1):
            page = _page_of(self.writer, number)
            annotations = entry_of(page, "/Annots", ())
            if any(getattr(entry, "reference", None) == wanted for entry in raw_items(annotations)):
                return number, geometry_of_page(page)
        return 1, geometry_of_page(_page_of(self.writer, 1))

    def _free_name(self, wanted: str, taken: set[str]) -> str:
        """A name no field has."""
        taken |= top_names(self.writer.root)
        stem = wanted.replace(".", "-").strip() or NEW_FIELD  # a dot would make a hierarchy
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name


def _page_of(writer: Any, number: int) -> Any:
    try:
        if number < 1:
            raise LookupError
        reference, _ = writer.find_page_for_modification(number - 1)
        return reference.get_object()
    except (PdfError, LookupError) as error:
        raise Invalid(N_("Tài liệu không có trang %(page)s."), field="page", page=number) from error


def _on_page(geometry: PageGeometry, box: Box, page: int) -> PageGeometry:
    """The geometry, when the box lies on the page; half a point is rounding."""
    size = geometry.size
    if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > size.width + 0.5 or box.y1 > size.height + 0.5:
        raise Invalid(N_("Khung chữ ký nằm ngoài trang %(page)s."), field="box", page=page)
    return geometry


def _refuse_when_closed(signature: Any, wanted: str) -> None:
    """`Invalid` when this earlier signature forbids another, or the filling of that field."""
    for reference in entry_of(signature, "/Reference", ()):
        parameters = entry_of(reference, "/TransformParams", {})
        # ISO 32000-2, 12.8.2.2.2 and 12.8.2.4: P in either, 1 for no change at all
        is_closed = int(entry_of(parameters, "/P", 2)) == 1
        if entry_of(reference, "/TransformMethod") == "/FieldMDP":
            is_closed |= FieldMDPSpec.from_pdf_object(parameters).is_locked(wanted)
        if is_closed:
            raise Invalid(
                N_("Chữ ký trước đã khóa tài liệu này nên không ký thêm vào chỗ này được.")
            )


def _locks_of(field: Any, certify: bool) -> SigMDPSetup | None:
    """What the signature forbids: changes to the document, and to what /Lock names (12.7.4.5)."""
    seed = entry_of(field, "/SV")
    if seed is not None and int(entry_of(seed, "/Ff", 0)):
        raise Invalid(N_("Ô chữ ký có sẵn đòi hỏi điều kiện riêng nên chưa ký vào được."))
    lock = entry_of(field, "/Lock")
    if lock is None and not certify:
        return None
    permission = MDPPerm.FILL_FORMS if certify else None
    if lock is not None and "/P" in lock:
        permission = MDPPerm(int(lock["/P"]))
    return SigMDPSetup(
        md_algorithm="sha256",
        certify=certify,
        field_lock=None if lock is None else FieldMDPSpec.from_pdf_object(lock),
        docmdp_perms=permission,
    )
