"""A signed PDF: laid out in the sandbox, signed here, visible under its name only when whole."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from signer.errors import N_, Invalid
from signer.signing import cms
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box, Slot
from signer.signing.levels import Level, Material, Stamper
from signer.signing.pdf_layout import (
    TOO_COMPLEX,
    Layout,
    Part,
    digest_of,
    discard,
    fill_gap,
    fill_regions,
    in_gap,
    layout_of,
    write,
)
from signer.signing.sandbox import Reply, Sandbox, SandboxFailure, shared_sandbox

PREPARE_SECONDS = 60.0
"""A 100 MB document takes two seconds; what needs longer is hostile."""


@dataclass(frozen=True, kw_only=True)
class SignedPdf:
    """What was written."""

    sha256: str
    """Of the whole signed file, in hex."""
    size_bytes: int
    field_name: str
    """The field that holds the signature; differs from the wanted name when that was taken."""
    page: int
    level: Level = Level.B_B
    """What was reached; B-B when there was no time stamp to be had."""
    stamped_at: datetime | None = None
    """The time in the first stamp that was made."""
    certified: bool = False
    """This signature forbids all changes but further signatures and filled fields."""


@dataclass(frozen=True, kw_only=True)
class PreparedPdf:
    """A document and the updates it will get; all that needs no key is done."""

    layout: Layout
    level: Level
    document_digest: bytes
    field_name: str
    page: int
    certified: bool


@dataclass(frozen=True, kw_only=True)
class KeyedPdf:
    """A prepared document and its signature; no key is needed any more."""

    prepared: PreparedPdf
    signature: cms.Signed


def sign_pdf(
    source: Path,
    output: Path,
    *,
    key: cms.SigningKey,
    certificate_der: bytes,
    chain_der: Sequence[bytes] = (),
    level: Level = Level.B_B,
    stamper: Stamper | None = None,
    material: Material | None = None,
    field_name: str | None = None,
    page: int = 1,
    box: Box | None = None,
    appearance: AppearanceText,
    at: datetime,
    reason: str | None = None,
    certify: bool = False,
    rsa_scheme: cms.RsaScheme = cms.RsaScheme.PSS,
    sandbox: Sandbox | None = None,
) -> SignedPdf:
    """`output` is `source` plus one visible PAdES signature; earlier ones stay valid.

    An existing empty signature field called `field_name` is used where it stands, with its own
    page and box; otherwise a new field is made on `page` (from 1) at `box` (displayed points).
    `certify` makes the first signature of a document one that certifies it (DocMDP, P=2).
    `Invalid` when the document, box, text or certificate does not allow it, `Unavailable` when
    there is no time stamp to be had; then there is no `output`.
    """
    template = cms.template_of(certificate_der, tuple(chain_der), rsa_scheme)
    cms.check_may_sign(template.certificate, at)
    prepared = prepare_pdf(
        source,
        output.with_name(output.name + ".part"),
        template=template,
        level=level,
        stamp_bytes=0 if stamper is None else stamper.token_bytes,
        material=material,
        field_name=field_name,
        page=page,
        box=box,
        appearance=appearance,
        at=at,
        reason=reason,
        certify=certify,
        sandbox=sandbox,
    )
    try:
        keyed = put_signature(prepared, template=template, key=key)
        return finish_pdf(keyed, output, stamper=stamper, material=material)
    except BaseException:
        discard(prepared.layout)
        raise


def prepare_pdf(
    source: Path,
    work: Path,
    *,
    template: cms.CmsTemplate,
    level: Level = Level.B_B,
    stamp_bytes: int = 0,
    material: Material | None = None,
    field_name: str | None,
    page: int,
    box: Box | None,
    appearance: AppearanceText,
    at: datetime,
    reason: str | None = None,
    certify: bool = False,
    sandbox: Sandbox | None = None,
) -> PreparedPdf:
    """All that can be done without the key is done; `source` may go away now.

    `work` is where a document of more than `IN_MEMORY_BYTES` is copied to, on the disk of the
    final output; smaller ones stay in memory. `stamp_bytes` is the stamper's `token_bytes`, and
    room for a token is kept even when none comes. Errors as `sign_pdf`.
    """
    if level.has_material and material is None:
        raise AssertionError(f"{level} needs material")
    told_text, images = appearance.to_message()
    told = _ask(
        "prepare",
        source,
        {
            "field_name": field_name,
            "page": page,
            "box": None if box is None else box.to_json(),
            "appearance": told_text,
            "at": at.isoformat(),
            "reason": reason,
            "reserved_bytes": template.size_bytes
            + (cms.stamp_room(stamp_bytes) if level.has_stamp else 0),
            "certify": certify,
        },
        level=level,
        stamp_bytes=stamp_bytes,
        material=material,
        images=images,
        sandbox=sandbox,
    )
    try:
        layout = layout_of(source, work, told.value, told.blobs[0])
    except BaseException:
        work.unlink(missing_ok=True)
        raise
    return PreparedPdf(
        layout=layout,
        level=level,
        document_digest=digest_of(layout, layout.update, layout.parts[0]),
        field_name=str(told.value["field_name"]),
        page=int(told.value["page"]),
        certified=bool(told.value["certified"]),
    )


def put_signature(
    prepared: PreparedPdf, *, template: cms.CmsTemplate, key: cms.SigningKey
) -> KeyedPdf:
    """The document has its signature: one operation of the key and nothing else."""
    return KeyedPdf(prepared=prepared, signature=cms.sign(template, key, prepared.document_digest))


def finish_pdf(
    keyed: KeyedPdf, output: Path, *, stamper: Stamper | None, material: Material | None
) -> SignedPdf:
    """Stamps and answers are in, and the file has its final name.

    `Unavailable` when the stamper has no token; nothing is lost then, it can be called again:
    without a stamper what comes out is B-B, with room for a stamp later (`augment_pdf`).
    """
    prepared = keyed.prepared
    layout, signature = prepared.layout, keyed.signature
    first, *more = layout.parts
    assert first.gap is not None
    level = prepared.level if stamper is not None else Level.B_B
    update = bytearray(layout.update if level.has_material else layout.update[: first.end])
    token, stamped_at = b"", None
    if stamper is not None and level.has_stamp:
        token, stamped_at = _stamped(stamper, hashlib.sha256(signature.value).digest())
    fill_gap(update, first.gap, signature.cms(token))
    if stamper is not None and stamped_at is not None and level.has_material:
        _fill(layout, update, more[0], stamper, material, stamped_at)
    return SignedPdf(
        sha256=write(layout, update, output),
        size_bytes=layout.size_bytes + len(update),
        field_name=prepared.field_name,
        page=prepared.page,
        level=level,
        stamped_at=stamped_at,
        certified=prepared.certified,
    )


def augment_pdf(
    source: Path,
    output: Path,
    *,
    level: Level,
    stamper: Stamper,
    material: Material | None,
    at: datetime,
    sandbox: Sandbox | None = None,
) -> SignedPdf:
    """`output` is the signed `source` with what its newest signature lacks for the level.

    A signature without a time stamp gets it in its own gap when nothing was signed after it and
    room was kept; otherwise a document time stamp does the same for all signatures. Material and,
    for B-LTA, another document time stamp follow: called again and again, it keeps the document
    provable. `at` is when, for material where no stamp was missing. Errors as `sign_pdf`.
    """
    told = _ask(
        "augment",
        source,
        {},
        level=level,
        stamp_bytes=stamper.token_bytes,
        material=material,
        sandbox=sandbox,
    )
    patch, stamped_at = None, None
    if told.value["fill"] is not None:
        patch, stamped_at = _stamp_in_place(source, told.value["fill"], stamper)
    work = output.with_name(output.name + ".part")
    try:
        layout = layout_of(source, work, told.value, told.blobs[0], patch)
        update = bytearray(layout.update)
        for part in layout.parts:
            moment = _fill(layout, update, part, stamper, material, stamped_at or at)
            stamped_at = stamped_at or moment
        sha256 = write(layout, update, output)
    except BaseException:
        work.unlink(missing_ok=True)
        raise
    return SignedPdf(
        sha256=sha256,
        size_bytes=layout.size_bytes + len(update),
        field_name="",
        page=1,
        level=level,
        stamped_at=stamped_at,
    )


def prepare_fields(
    source: Path, output: Path, slots: Sequence[Slot], *, sandbox: Sandbox | None = None
) -> SignedPdf:
    """`output` is `source` with an empty signature field for each slot, in one update.

    For all signers at once, before the first signs: later signatures then add nothing to the
    form (R36). `Invalid` when a name is taken or a box lies off its page.
    """
    told = _call(
        "prepare_fields",
        source,
        {"slots": [asdict(slot) | {"box": slot.box.to_json()} for slot in slots]},
        (),
        sandbox,
    )
    work = output.with_name(output.name + ".part")
    try:
        layout = layout_of(source, work, told.value, told.blobs[0])
        sha256 = write(layout, layout.update, output)
    except BaseException:
        work.unlink(missing_ok=True)
        raise
    size_bytes = layout.size_bytes + len(layout.update)
    return SignedPdf(sha256=sha256, size_bytes=size_bytes, field_name="", page=1)


def _fill(
    layout: Layout,
    update: bytearray,
    part: Part,
    stamper: Stamper,
    material: Material | None,
    moment: datetime,
) -> datetime | None:
    """The part has its answers, made at or after the moment, and its stamp, whose time it is."""
    if part.regions:
        assert material is not None
        fill_regions(update, part, material.answers(moment))
    if part.gap is None:
        return None
    token, stamped_at = _stamped(stamper, digest_of(layout, update, part))
    fill_gap(update, part.gap, token)
    return stamped_at


def _stamped(stamper: Stamper, digest: bytes) -> tuple[bytes, datetime]:
    token = stamper.token(digest, "sha256")
    return token, cms.stamp_time(token, digest)


def _stamp_in_place(
    source: Path, span: Sequence[Any], stamper: Stamper
) -> tuple[tuple[int, bytes], datetime]:
    """The gap of an existing signature as it will be with its stamp."""
    start, stop = int(span[0]), int(span[1])
    with source.open("rb") as file:
        file.seek(start)
        gap = file.read(stop - start)
    try:
        present = cms.unpadded(bytes.fromhex(gap[1:-1].decode("ascii")))
        value, _ = cms.stamped_value(present)
        token, stamped_at = _stamped(stamper, hashlib.sha256(value).digest())
        return (start, in_gap(cms.with_stamp(present, token), len(gap))), stamped_at
    except (ValueError, IndexError) as error:
        raise Invalid(TOO_COMPLEX) from error


def _ask(
    task: str,
    source: Path,
    arguments: Mapping[str, Any],
    *,
    level: Level,
    stamp_bytes: int,
    material: Material | None,
    images: tuple[bytes, ...] = (),
    sandbox: Sandbox | None,
) -> Reply:
    needed: dict[str, Any] = {"level": level.value, "stamp_bytes": stamp_bytes, "answer_sizes": []}
    kinds: list[tuple[bytes, ...]] = [images, (), ()]
    if level.has_material and material is not None:
        kinds[1:] = material.certificates, material.crls
        needed["answer_sizes"] = list(material.answer_sizes)
    needed["kinds"] = [len(kind) for kind in kinds]
    blobs = [blob for kind in kinds for blob in kind]
    return _call(task, source, {**arguments, **needed}, blobs, sandbox)


def _call(
    task: str,
    source: Path,
    arguments: Mapping[str, Any],
    blobs: Sequence[bytes],
    sandbox: Sandbox | None,
) -> Reply:
    if not source.is_file():
        raise Invalid(N_("Không tìm thấy tệp PDF cần ký."))
    try:
        return (sandbox or shared_sandbox()).call(
            f"pdf_task:{task}",
            {"source": str(source.absolute()), **arguments},
            blobs,
            seconds=PREPARE_SECONDS,
        )
    except SandboxFailure as failure:
        raise Invalid(TOO_COMPLEX) from failure
