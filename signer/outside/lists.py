"""Lists of certificates as spreadsheets: the register's own export, or a unit's table."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from signer.clock import HANOI
from signer.errors import N_, Invalid
from signer.inventory.cells import date_of, email_of
from signer.inventory.legacy import evidence, to_unicode
from signer.inventory.names import clean_text, fold
from signer.inventory.roster import as_text
from signer.inventory.sheets import Cell, Sheet, opened_sheets
from signer.outside.anchors import Anchor, Anchors
from signer.outside.dn import DistinguishedName, owner_of, parse_name, parse_text, shown_name
from signer.outside.entries import Entry
from signer.outside.kinds import Carrier, CertificateStatus, Owner

_T = TypeVar("_T")


class ListField(StrEnum):
    """What a column of a list of certificates holds (domain.md 1.4 and 4.1)."""

    SERIAL = "serial"
    NAME = "name"
    SUBJECT = "subject"
    UNIT = "unit"
    PARENT = "parent"
    TITLE = "title"
    EMAIL = "email"
    NOT_BEFORE = "not_before"
    NOT_AFTER = "not_after"
    DEVICE = "device"
    CARRIER = "carrier"
    ISSUER = "issuer"
    OWNER = "owner"
    STATUS = "status"


_F = ListField
_SYNONYMS = {
    _F.SERIAL: "so chung thu so|so chung thu|so hieu chung thu|so hieu chung thu so|serial"
    "|serial number|so serial|so seri|so hieu cts|so cts",
    _F.NAME: "ho va ten|ho ten|ten thue bao|thue bao|doi tuong su dung|doi tuong duoc cap"
    "|chu the|ten chu the|ten",
    _F.SUBJECT: "dn|subject|ten phan biet|thong tin chu the",
    _F.UNIT: "don vi|co quan|co quan to chuc|co quan to chuc cong tac|don vi cong tac|phong ban"
    "|ten don vi|co quan don vi|noi cong tac",
    _F.PARENT: "co quan chu quan|don vi cap tren|co quan cap tren",
    _F.TITLE: "chuc vu|chuc danh",
    _F.EMAIL: "email|e mail|thu dien tu|thu dien tu cong vu|dia chi thu dien tu"
    "|dia chi thu dien tu cong vu|dia chi email",
    _F.NOT_BEFORE: "tu ngay|ngay cap|hieu luc tu|ngay hieu luc|ngay bat dau|co hieu luc tu",
    _F.NOT_AFTER: "den ngay|ngay het han|hieu luc den|het han|ngay ket thuc|het hieu luc",
    _F.DEVICE: "so hieu thiet bi|so hieu thiet bi luu khoa bi mat|thiet bi|ma thiet bi|so thiet bi",
    _F.CARRIER: "phuong tien|loai phuong tien|loai thiet bi|hinh thuc",
    _F.ISSUER: "to chuc cap|don vi cap|ca|co quan cap|nha cung cap|issuer",
    _F.OWNER: "loai doi tuong|loai chung thu|loai chung thu so|loai thue bao",
    _F.STATUS: "trang thai|tinh trang|ghi chu trang thai",
}
_FIELD_OF = {words: field for field, text in _SYNONYMS.items() for words in text.split("|")}
_NEEDED = {
    _F.SERIAL: N_("Số chứng thư"),
    _F.NAME: N_("Họ và tên"),
    _F.NOT_BEFORE: N_("Từ ngày"),
    _F.NOT_AFTER: N_("Đến ngày"),
}
_EMPTY = N_("Ô này không được để trống.")
_HEADER_WITHIN_ROWS = 60
_WORDS_OF_CARRIER = (
    ("sim", Carrier.SIM),
    ("tap trung", Carrier.CENTRAL),
    ("tu xa", Carrier.CENTRAL),
    ("remote", Carrier.CENTRAL),
    ("hsm", Carrier.HSM),
    ("token", Carrier.TOKEN),
    ("usb", Carrier.TOKEN),
)
_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_EXACT_DIGITS = 15
"""A spreadsheet keeps no more digits of a number; a longer serial number is already damaged."""
_TIME = re.compile(r"\s+\d{1,2}:\d{2}(:\d{2})?.*$")


class ListRefusal(Exception):
    """A row that is not stored: which column, what stood there, and why."""

    def __init__(self, column: str, value: str, reason: Invalid) -> None:
        super().__init__(reason.sentence)
        self.column, self.value, self.reason = column, value, reason


class CertificateList:
    """The rows of one list below its header."""

    def __init__(self, path: Path, *, limit_bytes: int) -> None:
        """Raises `Invalid` when no sheet has a header with the columns that are needed."""
        with opened_sheets(path, limit_bytes=limit_bytes) as sheets:
            for sheet in sheets:
                rows = _in_unicode(sheet)
                for place, (_number, row) in enumerate(rows[:_HEADER_WITHIN_ROWS]):
                    columns = _columns(row)
                    if len(columns) >= 3 and {_F.SERIAL, _F.NAME, _F.SUBJECT} & set(columns):
                        self._headings = {c: as_text(row[i]) for c, i in columns.items()}
                        self._columns, self.remark = columns, sheet.remark
                        self._check_columns()
                        self.rows = [
                            (number, values)
                            for number, values in rows[place + 1 :]
                            if self._is_certificates(values)
                        ]
                        return
        raise Invalid(
            N_(
                "Không tìm thấy dòng tiêu đề của danh sách chứng thư "
                "(cần có các cột Số chứng thư, Họ và tên, Từ ngày, Đến ngày)."
            ),
            field="file",
        )

    @property
    def names_issuers(self) -> bool:
        """True when the list has a column for them."""
        return _F.ISSUER in self._columns

    def entry(
        self, number: int, row: Sequence[Cell], anchors: Anchors, chosen: Anchor | None
    ) -> Entry:
        """The certificate of one row, of the `chosen` issuer if it names none; raises
        `ListRefusal`."""
        cells = self._cells(row)
        issuer = self._read(cells, _F.ISSUER, lambda cell: _issuer(cell, anchors)) or chosen
        if issuer is None:
            raise ListRefusal(self._heading(_F.ISSUER), "", Invalid(_EMPTY))
        subject = self._read(cells, _F.SUBJECT, lambda cell: parse_text(as_text(cell)))
        subject = subject or DistinguishedName(attributes=())
        name = clean_text(as_text(cells.get(_F.NAME))) or subject.common_name
        if not name:
            raise ListRefusal(self._heading(_F.NAME), "", Invalid(N_("Thiếu họ và tên.")))
        said_units = [as_text(cells[f]) for f in (_F.UNIT, _F.PARENT) if f in cells]
        units = tuple(said_units) or subject.units
        not_before = self._needed(cells, _F.NOT_BEFORE, lambda cell: _instant(cell, time.min))
        not_after = self._needed(cells, _F.NOT_AFTER, lambda cell: _instant(cell, time(23, 59, 59)))
        if not_after <= not_before:
            raise ListRefusal(
                self._heading(_F.NOT_AFTER),
                as_text(cells.get(_F.NOT_AFTER)),
                Invalid(N_("Ngày hết hạn phải sau ngày cấp.")),
            )
        emails = self._read(cells, _F.EMAIL, lambda cell: (email_of(as_text(cell)),))
        issuer_der = issuer.subject_der
        return Entry(
            place=str(number),
            issuer_der=issuer_der,
            serial_hex=self._needed(cells, _F.SERIAL, _serial),
            sha256=None,
            issuer_name=parse_name(issuer_der).common_name[:200],
            anchor=issuer.name,
            generation=issuer.generation,
            subject_der=None,
            subject=(subject.text or name)[:2000],
            common_name=name[:200],
            name_key=fold(shown_name(name))[:200],
            units=units,
            title=as_text(cells.get(_F.TITLE))[:200] or None,
            email=next(iter(emails or subject.emails), None),
            owner=_owner(as_text(cells.get(_F.OWNER)), shown_name(name), units),
            not_before=not_before,
            not_after=not_after,
            key_usage=None,
            algorithm=None,
            carrier=carrier_of(as_text(cells.get(_F.CARRIER))),
            device_number=as_text(cells.get(_F.DEVICE))[:60] or None,
            status=_status(as_text(cells.get(_F.STATUS))),
            certificate_der=None,
        )

    def _cells(self, row: Sequence[Cell]) -> dict[ListField, Cell]:
        return {
            field: row[index]
            for field, index in self._columns.items()
            if index < len(row) and as_text(row[index])
        }

    def _is_certificates(self, row: Sequence[Cell]) -> bool:
        """Rows with a name only are headings of groups, totals or signatures."""
        cells = self._cells(row)
        return _F.SERIAL in cells or len(cells) >= 3

    def _check_columns(self) -> None:
        has_subject = _F.SUBJECT in self._columns
        missing = [
            name
            for field, name in _NEEDED.items()
            if field not in self._columns and not (field is _F.NAME and has_subject)
        ]
        if missing:
            raise Invalid(
                N_("Danh sách thiếu cột bắt buộc: %(columns)s."),
                field="file",
                columns=", ".join(missing),
            )

    def _heading(self, field: ListField) -> str:
        return self._headings.get(field, "")

    def _read(
        self, cells: Mapping[ListField, Cell], field: ListField, read: Callable[[Cell], _T]
    ) -> _T | None:
        if field not in cells:
            return None
        try:
            return read(cells[field])
        except Invalid as reason:
            value = as_text(cells[field])[:80]
            raise ListRefusal(self._heading(field), value, reason) from reason

    def _needed(
        self, cells: Mapping[ListField, Cell], field: ListField, read: Callable[[Cell], _T]
    ) -> _T:
        found = self._read(cells, field, read)
        if found is None:
            raise ListRefusal(self._heading(field), "", Invalid(_EMPTY))
        return found


def carrier_of(text: str) -> Carrier:
    """The carrier that these words mean; unknown when they mean none."""
    folded = fold(text)
    return next((c for word, c in _WORDS_OF_CARRIER if word in folded), Carrier.UNKNOWN)


def _in_unicode(sheet: Sheet) -> list[tuple[int, list[Cell]]]:
    """The numbered rows; those typed for an old font are converted, a mixture is refused."""
    rows = list(sheet.numbered())
    found = evidence(cell for _, row in rows for cell in row if isinstance(cell, str))
    font = sheet.font or (found.font if found else None)
    if found is not None and found.is_mixed:
        raise Invalid(
            N_("Danh sách lẫn chữ Unicode và chữ phông cũ %(font)s; hãy chuyển hết sang Unicode."),
            field="file",
            font=found.font,
        )
    if font is None:
        return rows
    return [
        (n, [(to_unicode(c, font) or c) if isinstance(c, str) else c for c in row])
        for n, row in rows
    ]


def _columns(row: Sequence[Cell]) -> dict[ListField, int]:
    found: dict[ListField, int] = {}
    for index, cell in enumerate(row):
        words = re.sub(r"[^\w]+", " ", fold(as_text(cell))).strip()
        if words in _FIELD_OF:
            found.setdefault(_FIELD_OF[words], index)
    return found


def _serial(cell: Cell) -> str:
    """Hexadecimal, as registers write it, without separators and leading zeros."""
    is_damaged = isinstance(cell, float) and not cell.is_integer()
    text = re.sub(r"[\s:.\-]|^0x", "", as_text(cell).lower())
    if isinstance(cell, int | float) and (is_damaged or len(text) > _EXACT_DIGITS):
        raise Invalid(N_("Excel đã làm mất chữ số của số chứng thư; hãy định dạng cột là Văn bản."))
    if not _SERIAL.fullmatch(text) or not text.strip("0"):
        raise Invalid(N_("Số chứng thư chỉ gồm các chữ số 0-9 và chữ A-F, tối đa 40 ký tự."))
    return text.lstrip("0")


def _instant(cell: Cell, at: time) -> datetime:
    """That time of the day in Hanoi: a list names days, and the last one still counts."""
    day = date_of(_TIME.sub("", cell) if isinstance(cell, str) else cell).day
    return datetime.combine(day, at, HANOI).astimezone(UTC)


def _issuer(cell: Cell, anchors: Anchors) -> Anchor:
    said = fold(as_text(cell))
    for anchor in anchors.anchors:
        subject = parse_name(anchor.subject_der)
        if said in (fold(anchor.name), fold(subject.common_name)):
            return anchor
    raise Invalid(N_("Tổ chức cấp này không có trong danh sách tin cậy của hệ thống."))


def _owner(said: str, name: str, units: tuple[str, ...]) -> Owner:
    folded = fold(said)
    if "ca nhan" in folded:
        return Owner.PERSON
    if any(word in folded for word in ("co quan", "to chuc", "thiet bi", "phan mem")):
        return Owner.BODY
    return owner_of(name, units)


def _status(said: str) -> CertificateStatus:
    folded = fold(said)
    if "thu hoi" in folded and "chua" not in folded:
        return CertificateStatus.REVOKED
    return CertificateStatus.UNKNOWN
