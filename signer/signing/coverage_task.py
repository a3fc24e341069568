"""In the sandbox: which bytes a signature covers, and what was added to the document after it."""

import io
from collections.abc import Callable, Sequence
from typing import Any

from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    ModificationLevel,
    SuspiciousModification,
)
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signer.signing.signed_data import Unreadable, hasher_of

_PIECE = 1 << 20


class Embedded(EmbeddedPdfSignature):
    """A signature where it stands in the document. Its CMS object is read elsewhere."""

    def __init__(self, reader: Any, field: Any, name: str) -> None:
        # Not pyHanko's: it reads the CMS object with a parser that takes ten times as long.
        self.reader = reader
        self.sig_field = field
        self.fq_name = name
        value = field.raw_get("/V")
        self.sig_object = value.get_object()
        self.pkcs7_content = extract_contents(self.sig_object)
        self.reference = value.reference
        self.signed_revision = reader.xrefs.get_last_change(self.reference)
        self.byte_range: Any = [int(number) for number in self.sig_object["/ByteRange"]]
        self._docmdp = self._fieldmdp = None
        self._docmdp_queried = self._fieldmdp_queried = False
        stream = reader.stream
        self.file_size = stream.seek(0, io.SEEK_END)
        if len(self.byte_range) != 4 or min(self.byte_range) < 0 or self.end > self.file_size:
            raise Unreadable("the signed bytes are not in the file")

    @property
    def end(self) -> int:
        """Where the signed bytes end."""
        return int(self.byte_range[2] + self.byte_range[3])

    @property
    def covers_all(self) -> bool:
        """Nothing was added after it."""
        return bool(self.end == self.file_size)

    def digest(self, algorithm: Any) -> bytes:
        """The digest of the signed bytes; the algorithm is one of cryptography's."""
        hashed = hasher_of(algorithm)
        for start, length in (self.byte_range[:2], self.byte_range[2:]):
            self.reader.stream.seek(start)
            while length:
                piece = self.reader.stream.read(min(length, _PIECE))
                if not piece:
                    raise Unreadable("the signed bytes are not in the file")
                hashed.update(piece)
                length -= len(piece)
        found: bytes = hashed.digest()
        return found

    @property
    def gap_is_the_signature(self) -> bool:
        """The one gap in the signed bytes holds this signature's value and nothing else."""
        first, length, second, _ = self.byte_range
        if first != 0 or second < length:
            return False
        self.reader.stream.seek(length)
        gap = self.reader.stream.read(second - length)
        if not (gap.startswith(b"<") and gap.endswith(b">")):
            return False
        try:
            return bytes.fromhex(gap[1:-1].decode("ascii")) == bytes(self.pkcs7_content)
        except (ValueError, UnicodeDecodeError):
            return False


class Afterwards:
    """What followed each signature of one document; revisions made here are known by place."""

    def __init__(
        self, reader: Any, own_ranges: Sequence[Sequence[int]], partial_signatures: int
    ) -> None:
        """`partial_signatures`: how many do not cover the whole file."""
        self._reader = reader
        self._xrefs = reader.xrefs
        self._own = own_ranges
        self._is_alone = partial_signatures <= 1
        self._steps: dict[tuple[int, Any], ModificationLevel | None] = {}

    def coverage(self, signature: Embedded) -> str:
        """nothing, permitted, changed or unclear: a value of `validation.Coverage`."""
        if not signature.gap_is_the_signature:
            return "changed"
        level = signature.evaluate_signature_coverage()
        if level == SignatureCoverageLevel.ENTIRE_FILE:
            return "nothing"
        if level != SignatureCoverageLevel.ENTIRE_REVISION:
            return "changed"
        if not _ends_properly(self._reader, signature.signed_revision):
            return "changed"
        permitted = signature.docmdp_level
        found = self._reviewed(signature, permitted)
        if found is None or found == ModificationLevel.OTHER:
            return "changed"
        if permitted is not None and found.value > permitted.value:
            return "changed"
        return "permitted"

    def is_ours(self, revision: int) -> bool:
        """The revision was made by this service, byte for byte."""
        start = self._xrefs.get_startxref_for_revision(revision)
        end = self._xrefs.get_xref_container_info(revision).end_location
        return any(first <= start and end <= last for first, last in self._own)

    def _reviewed(self, signature: Embedded, permitted: MDPPerm | None) -> ModificationLevel | None:
        """The boldest change after the signature; `None` for one that is not to be explained.

        Every revision is compared with the one before it, once for all signatures; what that
        does not allow is put to pyHanko's own comparison with what was signed.
        """
        locks = signature.fieldmdp
        # A certified or locked document may forbid what we add elsewhere: there all is analysed.
        trusts_own = locks is None and permitted is None
        later = range(signature.signed_revision + 1, self._xrefs.total_revisions)
        others = [number for number in later if not (trusts_own and self.is_ours(number))]
        boldest = ModificationLevel.FORM_FILLING if len(others) < len(later) else None
        if not others:
            return boldest
        if locks is None and not (self._is_alone and boldest is None):
            found = [self._step(number, permitted) for number in others]
            if None not in found:
                return max(level for level in (boldest, *found) if level is not None)
        result = DEFAULT_DIFF_POLICY.review_file(
            self._reader,
            signature.signed_revision,
            field_mdp_spec=locks,
            doc_mdp=permitted,
        )
        if isinstance(result, SuspiciousModification):
            return None
        return result.modification_level

    def _step(self, revision: int, permitted: MDPPerm | None) -> ModificationLevel | None:
        key = (revision, permitted)
        if key not in self._steps:
            resolver: Callable[[int], Any] = self._reader.get_historical_resolver
            try:
                self._steps[key] = DEFAULT_DIFF_POLICY.apply(
                    old=resolver(revision - 1), new=resolver(revision), doc_mdp=permitted
                ).modification_level
            except SuspiciousModification:
                self._steps[key] = None
        return self._steps[key]


def _ends_properly(reader: Any, signed_revision: int) -> bool:
    """What follows the signed bytes is a real update and nothing stands after its end."""
    if reader.xrefs.total_revisions - 1 <= signed_revision:
        return False
    stream = reader.stream
    stream.seek(max(0, stream.seek(0, io.SEEK_END) - 1024))
    _, found, rest = stream.read().rpartition(b"%%EOF")
    return bool(found) and not rest.strip(b"\x00\t\n\x0c\r ")
