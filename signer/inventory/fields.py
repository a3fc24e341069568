"""The columns a roster can have, and their cells as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from signer.errors import N_
from signer.inventory.names import clean_text
from signer.inventory.sheets import Cell


class Field(StrEnum):
    """What a column of a roster can hold (domain.md 4.1)."""

    NUMBER = "number"
    CODE = "code"
    FULL_NAME = "full_name"
    FAMILY_NAME = "family_name"
    GIVEN_NAME = "given_name"
    BIRTH_DATE = "birth_date"
    BIRTH_DATE_MALE = "birth_date_male"
    BIRTH_DATE_FEMALE = "birth_date_female"
    SEX = "sex"
    ID_NUMBER = "id_number"
    ID_ISSUED_ON = "id_issued_on"
    ID_ISSUED_BY = "id_issued_by"
    KIND = "kind"
    UNIT = "unit"
    DIVISION = "division"
    TITLE = "title"
    EMAIL = "email"
    MOBILE = "mobile"
    STATE = "state"
    STATE_SINCE = "state_since"
    STATE_DECISION = "state_decision"
    RANK_CODE = "rank_code"
    SIGNING_ROLES = "signing_roles"
    SIM_PKI = "wants_sim_pki"
    MOBILE_NETWORK = "mobile_network"


FIELD_NAMES: dict[Field, str] = {
    Field.NUMBER: N_("Số thứ tự"),
    Field.CODE: N_("Mã cán bộ"),
    Field.FULL_NAME: N_("Họ và tên"),
    Field.FAMILY_NAME: N_("Họ và tên đệm"),
    Field.GIVEN_NAME: N_("Tên"),
    Field.BIRTH_DATE: N_("Ngày sinh"),
    Field.BIRTH_DATE_MALE: N_("Ngày sinh nam"),
    Field.BIRTH_DATE_FEMALE: N_("Ngày sinh nữ"),
    Field.SEX: N_("Giới tính"),
    Field.ID_NUMBER: N_("Số định danh cá nhân"),
    Field.ID_ISSUED_ON: N_("Ngày cấp số định danh"),
    Field.ID_ISSUED_BY: N_("Nơi cấp số định danh"),
    Field.KIND: N_("Loại"),
    Field.UNIT: N_("Đơn vị"),
    Field.DIVISION: N_("Phòng"),
    Field.TITLE: N_("Chức vụ"),
    Field.EMAIL: N_("Thư điện tử công vụ"),
    Field.MOBILE: N_("Số điện thoại di động"),
    Field.STATE: N_("Trạng thái công tác"),
    Field.STATE_SINCE: N_("Từ ngày"),
    Field.STATE_DECISION: N_("Số quyết định"),
    Field.RANK_CODE: N_("Mã ngạch"),
    Field.SIGNING_ROLES: N_("Vai trò ký"),
    Field.SIM_PKI: N_("Đăng ký SIM PKI"),
    Field.MOBILE_NETWORK: N_("Nhà mạng"),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One recognised column: `index` counts from 0, `letter` is the spreadsheet's."""

    field: Field
    index: int
    letter: str
    heading: str


AS_FIELDS: Mapping[Field, Column] = {
    field: Column(field=field, index=index, letter=field.value, heading="")
    for index, field in enumerate(Field)
}
"""For rows that come from no spreadsheet: the letter of a column is the field itself."""


@dataclass(frozen=True, kw_only=True)
class Heading:
    """One column of the file as a clerk sees it, and what it is taken for, if for anything."""

    letter: str
    heading: str
    field: Field | None
    example: str = ""
    """What the first person's row holds there."""

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> "Heading":
        """The heading that these values say."""
        return cls(**{**stored, "field": Field(stored["field"]) if stored["field"] else None})  # type: ignore[arg-type]  # our own JSON


def column_letter(index: int) -> str:
    """0 is A, 25 is Z, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def as_text(cell: Cell) -> str:
    """The cell as a person would type it; whole numbers without their ".0"."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, str):
        return clean_text(cell)
    return cell.strftime("%d/%m/%Y") if not isinstance(cell, int | float) else str(cell)
