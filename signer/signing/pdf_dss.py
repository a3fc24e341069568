"""In the sandbox: what a signature is validated with later, and the stamp over all of it."""

from collections.abc import Sequence
from typing import Any

from pyhanko.sign.fields import SigFieldSpec, enumerate_sig_fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigObjSetup
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp

from signer.errors import N_, Invalid
from signer.signing import cms
from signer.signing.pdf_objects import Region, entry_of, objects, raw_items, stream_of, top_names
from signer.signing.pdf_update import UpdateWriter


def add_material(
    writer: UpdateWriter,
    certificates: Sequence[bytes],
    crls: Sequence[bytes],
    answer_sizes: Sequence[int],
) -> list[Region]:
    """The document security store holds these too, and has a region for each answer.

    No VRI: it is optional, and nothing that validates needs it (ETSI EN 319 142-1, 5.4.2.2).
    """
    update: Any = writer  # its methods carry no types
    root = update.root
    store = entry_of(root, "/DSS")
    if store is None:
        store = objects.DictionaryObject()
        root["/DSS"] = update.add_object(store)
        update.update_root()
        if update.output_version < (2, 0):  # the store came into PDF 1.7 as ETSI's extension
            update.register_extension(ESIC_EXTENSION_1)
    else:
        update.update_container(store)
    for key, values in (("/Certs", certificates), ("/CRLs", crls)):
        held = raw_items(entry_of(store, key, ()))
        known = {_data_of(reference) for reference in held}
        new = [update.add_object(stream_of(value)) for value in values if value not in known]
        if held or new:
            store[key] = objects.ArrayObject(held + new)
    regions = [Region(size) for size in answer_sizes]
    answers = raw_items(entry_of(store, "/OCSPs", ()))
    answers += [update.add_object(region) for region in regions]
    if answers:
        store["/OCSPs"] = objects.ArrayObject(answers)
    return regions


def _data_of(reference: Any) -> bytes | None:
    data = getattr(reference.get_object(), "data", None)
    return data if isinstance(data, bytes) else None


def add_stamp(writer: UpdateWriter, token_bytes: int) -> DocumentTimestamp:
    """A document time stamp with a gap for its token, in an invisible field of the first page."""
    taken = top_names(writer.root)
    number = len(taken) + 1
    while (name := f"Timestamp{number}") in taken:
        number += 1
    field = SigFieldSpec(name)
    steps = PdfCMSEmbedder(new_field_spec=field).write_cms(name, writer)
    next(steps)
    stamp = DocumentTimestamp(bytes_reserved=2 * token_bytes)  # type: ignore[no-untyped-call]  # pyHanko
    steps.send(SigObjSetup(sig_placeholder=stamp))
    return stamp


def gap_of(writer: UpdateWriter, signed: Any, end: int) -> list[int]:
    """Where the CMS object goes; the ByteRange leaves out just that (ISO 32000-1, 12.8.1)."""
    start, stop = signed.contents.offsets
    signed.byte_range.fill_offsets(writer.prev.stream, start, stop, end)
    return [start, stop]


def signatures_without_stamp(writer: UpdateWriter) -> tuple[Any, list[Any]]:
    """The newest signature, and all that neither have a stamp nor stand under a later one."""
    filled = [value for _, value, _ in enumerate_sig_fields(writer, filled_status=True)]
    signatures = [value.get_object() for value in filled]
    if not signatures:
        raise Invalid(N_("Tài liệu chưa có chữ ký số nào."))
    signatures.sort(key=lambda found: int(found["/ByteRange"][2]) + int(found["/ByteRange"][3]))
    unstamped: list[Any] = []
    for signature in signatures:
        if entry_of(signature, "/SubFilter") == "/ETSI.RFC3161":
            unstamped.clear()
        elif not _is_stamped(signature):
            unstamped.append(signature)
    return signatures[-1], unstamped


def _is_stamped(signature: Any) -> bool:
    """The signature holds its own time stamp, in a form that we read."""
    try:
        return cms.stamped_value(cms.unpadded(bytes(signature["/Contents"])))[1]
    except (ValueError, IndexError):  # BER of somebody else: a document time stamp covers it
        return False


def has_room(writer: UpdateWriter, newest: Any, unstamped: Sequence[Any], stamp_bytes: int) -> bool:
    """The only signature without a stamp has room for it, and nothing was signed over that room."""
    first, start, end, more = map(int, newest["/ByteRange"])
    try:
        present = cms.unpadded(bytes(newest["/Contents"]))
        cms.with_stamp(present, b"")
    except (ValueError, IndexError):
        return False
    return (
        list(unstamped) == [newest]
        and first == 0
        and end + more == writer.size_bytes
        and 2 * (len(present) + cms.stamp_room(stamp_bytes)) + 2 <= end - start
    )
