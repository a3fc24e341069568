"""Opens what somebody uploads: certificates one or many, or a list of them; nothing is stored."""

import base64
import binascii
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs7

from signer.errors import N_, Invalid
from signer.outside.anchors import Anchors
from signer.outside.entries import Entry, entry_of, is_ca
from signer.outside.kinds import Carrier, ImportKind
from signer.outside.lists import CertificateList, ListRefusal

_ZIP_ENTRIES = 20_000
_UNPACKED_BYTES = 200 * 1024**2
_FILE_BYTES = 20 * 1024**2
"""A .p7b with 10,000 certificates; a single certificate has two kilobytes."""
_SPREADSHEET = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_NOT_ONE = N_("Tệp này không phải là chứng thư số (.cer, .crt, .pem, .der hoặc .p7b).")


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A row or file that is not stored, in the words of the page."""

    place: str
    column: str
    value: str
    sentence: str
    values: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an uploaded file holds."""

    kind: ImportKind
    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...]
    authorities: int
    """Certificates of CAs beside them: used for paths, never stored."""
    remark: str | None = None


def read_upload(
    path: Path,
    name: str,
    anchors: Anchors,
    *,
    limit_bytes: int,
    carrier: Carrier = Carrier.UNKNOWN,
    issuer: str | None = None,
) -> Reading:
    """The certificates of the file; what it is, its bytes say, never its name.

    `carrier` holds for certificates, which do not say theirs; `issuer`, the name of an anchor,
    for rows of a list that name none. Raises `Invalid` for what cannot be opened at all.
    """
    size = path.stat().st_size
    if not 0 < size <= limit_bytes:
        raise Invalid(
            N_("Tệp trống hoặc lớn quá %(limit)d MB."), field="file", limit=limit_bytes // 1024**2
        )
    start = path.read_bytes()[:8] if size < _FILE_BYTES else path.open("rb").read(8)
    if start.startswith(b"PK") and not _is_spreadsheet(path):
        return _certificates(list(_unzipped(path)), anchors, carrier)
    if start.startswith((b"PK", _OLE)):
        return _list(path, limit_bytes, anchors, issuer)
    if size <= _FILE_BYTES and _looks_like_certificates(content := path.read_bytes()):
        return _certificates([(name, content)], anchors, carrier)
    return _list(path, limit_bytes, anchors, issuer)


def load_certificates(content: bytes) -> list[x509.Certificate]:
    """Every certificate in DER, PEM, base64 or PKCS #7, in its order; `Invalid` for none."""
    text = content.strip().removeprefix(b"\xef\xbb\xbf")
    try:
        if found := _PEM.findall(text):
            return [x509.load_pem_x509_certificate(one) for one in found]
        if text.startswith(b"-----BEGIN PKCS7"):
            return pkcs7.load_pem_pkcs7_certificates(text)
        if text.startswith(b"MI"):  # Windows exports base64 without the lines around it as well
            content = base64.b64decode(b"".join(text.split()), validate=True)
        if content.startswith(b"\x30"):
            try:
                return [x509.load_der_x509_certificate(content)]
            except ValueError:
                return pkcs7.load_der_pkcs7_certificates(content)
    except (ValueError, UnsupportedAlgorithm, binascii.Error) as error:
        raise Invalid(_NOT_ONE, field="file") from error
    raise Invalid(_NOT_ONE, field="file")


def _looks_like_certificates(content: bytes) -> bool:
    text = content.lstrip(b"\xef\xbb\xbf \r\n\t")
    return content.startswith(b"\x30") or b"-----BEGIN " in text[:4096] or text.startswith(b"MII")


def _is_spreadsheet(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return not _SPREADSHEET.isdisjoint(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return True  # the spreadsheet reader has the sentence for a damaged file


def _unzipped(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of the archive; `Invalid` when it is damaged, locked or unpacks to too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir()]
            left = _UNPACKED_BYTES
            if len(files) > _ZIP_ENTRIES or sum(entry.file_size for entry in files) > left:
                raise Invalid(
                    N_("Tệp nén có quá nhiều tệp hoặc giải nén ra quá lớn."), field="file"
                )
            for entry in files:
                with archive.open(entry) as stream:
                    content = stream.read(min(_FILE_BYTES, left) + 1)
                left -= len(content)
                if left < 0 or len(content) > _FILE_BYTES:
                    raise Invalid(
                        N_("Tệp nén có quá nhiều tệp hoặc giải nén ra quá lớn."), field="file"
                    )
                yield PurePosixPath(entry.filename).name[:150], content
    except Invalid:
        raise
    except Exception as error:  # zlib.error, lzma.LZMAError and others share no base but this one
        raise Invalid(
            N_("Tệp nén bị hỏng hoặc được bảo vệ bằng mật khẩu."), field="file"
        ) from error


def _certificates(files: list[tuple[str, bytes]], anchors: Anchors, carrier: Carrier) -> Reading:
    found: list[tuple[str, x509.Certificate]] = []
    refused: list[Refused] = []
    for name, content in files:
        try:
            loaded = load_certificates(content)
        except Invalid as reason:
            refused.append(_refused(name, reason))
            continue
        many = len(loaded) > 1
        found += [(f"{name} #{n}" if many else name, c) for n, c in enumerate(loaded, 1)]
    authorities = [certificate for _, certificate in found if is_ca(certificate)]
    entries: dict[tuple[bytes, str], Entry] = {}
    for place, certificate in found:
        if is_ca(certificate):
            continue
        try:
            entry = entry_of(certificate, place, anchors, authorities, carrier)
        except Invalid as reason:
            refused.append(_refused(place, reason))
            continue
        _add(entry, entries, refused)
    if not entries and not authorities and len(files) == 1:
        raise Invalid(_NOT_ONE, field="file")
    return Reading(
        kind=ImportKind.CERTIFICATES,
        entries=tuple(entries.values()),
        refused=tuple(refused),
        authorities=len(authorities),
    )


def _list(path: Path, limit_bytes: int, anchors: Anchors, issuer: str | None) -> Reading:
    chosen = anchors.by_name(issuer)
    found = CertificateList(path, limit_bytes=limit_bytes)
    if chosen is None and not found.names_issuers:
        raise Invalid(
            N_("Hãy chọn tổ chức cấp của các chứng thư trong danh sách này."), field="issuer"
        )
    entries: dict[tuple[bytes, str], Entry] = {}
    refused: list[Refused] = []
    for number, row in found.rows:
        try:
            _add(found.entry(number, row, anchors, chosen), entries, refused)
        except ListRefusal as refusal:
            refused.append(_refused(str(number), refusal.reason, refusal.column, refusal.value))
    return Reading(
        kind=ImportKind.LIST,
        entries=tuple(entries.values()),
        refused=tuple(refused),
        authorities=0,
        remark=found.remark,
    )


def _add(entry: Entry, entries: dict[tuple[bytes, str], Entry], refused: list[Refused]) -> None:
    first = entries.setdefault(entry.key, entry)
    if first is not entry:
        reason = Invalid(N_("Trùng số chứng thư với %(place)s."), place=first.place)
        refused.append(_refused(entry.place, reason, value=entry.serial_hex))


def _refused(place: str, reason: Invalid, column: str = "", value: str = "") -> Refused:
    return Refused(
        place=place,
        column=column,
        value=value[:200],
        sentence=reason.sentence,
        values={key: value for key, value in reason.values.items() if key != "field"},
    )
