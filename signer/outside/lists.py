"""Lists of certificates as spreadsheets: the register's own export, or a unit's table."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Any

from signer.clock import HANOI
from signer.errors import N_, Invalid
from signer.inventory.cells import date_of, email_of
from signer.inventory.legacy import evidence
from signer.inventory.names import clean_text, fold
from signer.inventory.roster import as_text
from signer.inventory.sheets import Cell, Sheet, opened_sheets
from signer.outside.anchors import Anchor, Anchors
from signer.outside.dn import owner_of, parse_name, shown_name
from signer.outside.entries import Read, Refused, refused
from signer.outside.kinds import Carrier
from signer.outside.models import OutsideCertificate


class ListField(StrEnum):
    """What a column of a list of certificates holds (domain.md 1.4 and 4.1)."""

    SERIAL = "serial"
    NAME = "name"
    UNIT = "unit"
    PARENT = "parent"
    TITLE = "title"
    EMAIL = "email"
    NOT_BEFORE = "not_before"
    NOT_AFTER = "not_after"
    DEVICE = "device"
    CARRIER = "carrier"
    STATUS = "status"


_F = ListField
_SYNONYMS = {
    _F.SERIAL: "so chung thu so|so chung thu|so hieu chung thu|so hieu chung thu so|serial"
    "|serial number|so serial|so seri|so hieu cts|so cts",
    _F.NAME: "ho va ten|ho ten|ten thue bao|thue bao|doi tuong su dung|doi tuong duoc cap"
    "|chu the|ten chu the|ten",
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
    _F.STATUS: "trang thai|tinh trang|ghi chu trang thai",
}
_FIELD_OF = {words: field for field, text in _SYNONYMS.items() for words in text.split("|")}
_NEEDED = {
    _F.SERIAL: N_("Số chứng thư"),
    _F.NAME: N_("Họ và tên"),
    _F.NOT_BEFORE: N_("Từ ngày"),
    _F.NOT_AFTER: N_("Đến ngày"),
}
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


def read_list(
    path: Path, anchors: Anchors, *, limit_bytes: int, issuer: str | None
) -> tuple[str | None, Iterator[Read | Refused]]:
    """A remark on how the text was read, and what each row below the header says.

    `issuer` is the anchor of them all. Raises `Invalid` when no sheet has a header with
    the columns that are needed.
    """
    chosen = anchors.by_name(issuer)
    with opened_sheets(path, limit_bytes=limit_bytes) as sheets:
        for sheet in sheets:
            rows = list(sheet.numbered())
            for place, (_number, header) in enumerate(rows[:_HEADER_WITHIN_ROWS]):
                columns = _columns(header)
                if len(columns) < 3 or not {_F.SERIAL, _F.NAME} & set(columns):
                    continue
                _check(sheet, rows, columns)
                if chosen is None:
                    raise Invalid(
                        N_("Hãy chọn tổ chức cấp của các chứng thư trong danh sách này."),
                        field="issuer",
                    )
                headings = {field: as_text(header[index]) for field, index in columns.items()}
                below = (
                    _Row(number=number, headings=headings, cells=_cells(row, columns))
                    for number, row in rows[place + 1 :]
                )
                return sheet.remark, (row.read(chosen) for row in below if row.is_one)
    raise Invalid(
        N_(
            "Không tìm thấy dòng tiêu đề của danh sách chứng thư "
            "(cần có các cột Số chứng thư, Họ và tên, Từ ngày, Đến ngày)."
        ),
        field="file",
    )


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One row: what stands under each heading that is known."""

    number: int
    cells: Mapping[ListField, Cell]
    headings: Mapping[ListField, str]

    @property
    def is_one(self) -> bool:
        """Rows with a name only are headings of groups, totals or signatures."""
        return _F.SERIAL in self.cells or len(self.cells) >= 3

    def text(self, field: ListField, length: int) -> str:
        return clean_text(as_text(self.cells.get(field)))[:length]

    def read(self, issuer: Anchor) -> Read | Refused:
        """The issuer's certificate of the row; or why not."""
        found: dict[ListField, Any] = {}
        readers: dict[ListField, Callable[[Cell], object]] = {
            _F.SERIAL: _serial,
            _F.NAME: lambda cell: clean_text(as_text(cell)),
            _F.EMAIL: lambda cell: email_of(as_text(cell)),
            _F.NOT_BEFORE: lambda cell: _instant(cell, time.min),
            _F.NOT_AFTER: lambda cell: _instant(cell, time(23, 59, 59)),
        }
        for field, reader in readers.items():
            try:
                if field in self.cells:
                    found[field] = reader(self.cells[field])
                elif field is not _F.EMAIL:
                    raise Invalid(N_("Ô này không được để trống."))
                if field is _F.NOT_AFTER and found[field] <= found[_F.NOT_BEFORE]:
                    raise Invalid(N_("Ngày hết hạn phải sau ngày cấp."))
            except Invalid as reason:
                value = self.text(field, 80)
                return refused(str(self.number), reason, self.headings.get(field, ""), value)
        return self._said(issuer, found)

    def _said(self, issuer: Anchor, found: Mapping[ListField, Any]) -> Read:
        name = found[_F.NAME]
        units = tuple(self.text(f, 400) for f in (_F.UNIT, _F.PARENT) if f in self.cells)
        said = OutsideCertificate(
            issuer_der=issuer.subject_der,
            serial_hex=found[_F.SERIAL],
            issuer_name=parse_name(issuer.subject_der).common_name[:200],
            anchor=issuer.name,
            generation=issuer.generation,
            subject=name[:2000],
            common_name=name[:200],
            name_key=fold(shown_name(name))[:200],
            units="\n".join(units),
            title=self.text(_F.TITLE, 200) or None,
            email=found.get(_F.EMAIL),
            owner=owner_of(shown_name(name), units),
            not_before=found[_F.NOT_BEFORE],
            not_after=found[_F.NOT_AFTER],
            carrier=carrier_of(self.text(_F.CARRIER, 80)),
            device_number=self.text(_F.DEVICE, 60) or None,
        )
        status = fold(self.text(_F.STATUS, 80))
        return Read(
            place=str(self.number),
            said=said,
            certificate_der=None,
            is_revoked="thu hoi" in status and "chua" not in status,
        )


def _cells(row: Sequence[Cell], columns: Mapping[ListField, int]) -> dict[ListField, Cell]:
    return {f: row[i] for f, i in columns.items() if i < len(row) and as_text(row[i])}


def carrier_of(text: str) -> Carrier:
    """The carrier that these words mean; unknown when they mean none."""
    folded = fold(text)
    return next((c for word, c in _WORDS_OF_CARRIER if word in folded), Carrier.UNKNOWN)


def _check(
    sheet: Sheet, rows: Sequence[tuple[int, list[Cell]]], columns: Mapping[ListField, int]
) -> None:
    """`Invalid` for a list without the columns it needs, or typed for an old font."""
    missing = [name for field, name in _NEEDED.items() if field not in columns]
    if missing:
        raise Invalid(
            N_("Danh sách thiếu cột bắt buộc: %(columns)s."),
            field="file",
            columns=", ".join(missing),
        )
    texts = (cell for _, row in rows for cell in row if isinstance(cell, str))
    if sheet.font or evidence(texts):
        raise Invalid(
            N_("Danh sách gõ bằng phông cũ (TCVN3, VNI); hãy chuyển sang Unicode rồi nạp lại."),
            field="file",
        )


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
    day = date_of(_TIME.sub("", cell) if isinstance(cell, str) else cell)
    return datetime.combine(day, at, HANOI).astimezone(UTC)
