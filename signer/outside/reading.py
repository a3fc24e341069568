"""Opens what somebody uploads: certificates one or many, or a list of them; nothing is stored."""

import base64
import binascii
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs7

from signer.errors import N_, Invalid
from signer.outside.anchors import Anchors
from signer.outside.entries import Key, Read, Refused, is_ca, read_certificate, refused
from signer.outside.kinds import Carrier, ImportKind
from signer.outside.lists import read_list

_ZIP_ENTRIES = 20_000
_UNPACKED_BYTES = 200 * 1024**2
_FILE_BYTES = 20 * 1024**2
"""A .p7b with 10,000 certificates; a single certificate has two kilobytes."""
_SPREADSHEET = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_NOT_ONE = N_("Tệp này không phải là chứng thư số (.cer, .crt, .pem, .der hoặc .p7b).")
_TOO_MUCH = N_("Tệp nén có quá nhiều tệp hoặc giải nén ra quá lớn.")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an uploaded file holds: each certificate once."""

    kind: ImportKind
    read: tuple[Read, ...]
    refused: tuple[Refused, ...]
    authorities: int = 0
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
    for the rows of a list. Raises `Invalid` for what cannot be opened at all.
    """
    size = path.stat().st_size
    if not 0 < size <= limit_bytes:
        raise Invalid(
            N_("Tệp trống hoặc lớn quá %(limit)d MB."), field="file", limit=limit_bytes // 1024**2
        )
    with path.open("rb") as stream:
        start = stream.read(4096)
    if start.startswith(b"PK") and not _is_spreadsheet(path):
        return _certificates(list(_unzipped(path)), anchors, carrier)
    if size <= _FILE_BYTES and _looks_like_certificates(start):
        return _certificates([(name, path.read_bytes())], anchors, carrier)
    remark, rows = read_list(path, anchors, limit_bytes=limit_bytes, issuer=issuer)
    return _once(ImportKind.LIST, rows, remark=remark)


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
        try:
            return [x509.load_der_x509_certificate(content)]
        except ValueError:
            return pkcs7.load_der_pkcs7_certificates(content)
    except (ValueError, UnsupportedAlgorithm, binascii.Error) as error:
        raise Invalid(_NOT_ONE, field="file") from error


def _looks_like_certificates(start: bytes) -> bool:
    text = start.lstrip(b"\xef\xbb\xbf \r\n\t")
    return start.startswith(b"\x30") or b"-----BEGIN " in text or text.startswith(b"MII")


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
                raise Invalid(_TOO_MUCH, field="file")
            for entry in files:
                with archive.open(entry) as stream:
                    content = stream.read(min(_FILE_BYTES, left) + 1)
                left -= len(content)
                if left < 0 or len(content) > _FILE_BYTES:
                    raise Invalid(_TOO_MUCH, field="file")
                yield PurePosixPath(entry.filename).name[:150], content
    except Invalid:
        raise
    except Exception as error:  # zlib.error, lzma.LZMAError and others share no base but this one
        raise Invalid(
            N_("Tệp nén bị hỏng hoặc được bảo vệ bằng mật khẩu."), field="file"
        ) from error


def _certificates(files: list[tuple[str, bytes]], anchors: Anchors, carrier: Carrier) -> Reading:
    found: list[tuple[str, x509.Certificate]] = []
    unread: list[Read | Refused] = []
    for name, content in files:
        try:
            loaded = load_certificates(content)
        except Invalid as reason:
            if len(files) == 1:
                raise
            unread.append(refused(name, reason))
            continue
        many = len(loaded) > 1
        found += [(f"{name} #{n}" if many else name, c) for n, c in enumerate(loaded, 1)]
    # Each .p7b of an export brings the same chain: a path is not sought over its copies.
    authorities = list(dict.fromkeys(c for _, c in found if is_ca(c)))

    def read(place: str, certificate: x509.Certificate) -> Read | Refused:
        try:
            return read_certificate(certificate, place, anchors, authorities, carrier)
        except Invalid as reason:
            return refused(place, reason)

    people = (read(place, certificate) for place, certificate in found if not is_ca(certificate))
    return _once(ImportKind.CERTIFICATES, (*unread, *people), authorities=len(authorities))


def _once(
    kind: ImportKind,
    rows: Iterable[Read | Refused],
    *,
    authorities: int = 0,
    remark: str | None = None,
) -> Reading:
    """What was read, and what was refused: also what stands there a second time."""
    read: dict[Key, Read] = {}
    unread: list[Refused] = []
    for row in rows:
        if isinstance(row, Refused):
            unread.append(row)
        elif (first := read.setdefault(row.key, row)) is not row:
            reason = Invalid(N_("Trùng số chứng thư với %(place)s."), place=first.place)
            unread.append(refused(row.place, reason, value=row.said.serial_hex))
    return Reading(
        kind=kind,
        read=tuple(read.values()),
        refused=tuple(unread),
        authorities=authorities,
        remark=remark,
    )
