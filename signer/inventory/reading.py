"""Reads one row of a roster into facts, with a finding for every cell that is amiss."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from signer.errors import N_, Invalid
from signer.inventory import cells, identity
from signer.inventory.facts import PersonFacts
from signer.inventory.fields import Field, as_text
from signer.inventory.findings import Remark, Severity, error, warning
from signer.inventory.kinds import IdNumberKind, Sex
from signer.inventory.names import clean_text, legacy_font_of, proper_case
from signer.inventory.roster import TableRow
from signer.inventory.sheets import Cell
from signer.inventory.states import PersonState
from signer.inventory.units import KnownUnit, MatchProblem, UnitIndex, UnitMatch

_CODE = re.compile(r"[A-ZĐ0-9][A-ZĐ0-9._/\-]{0,19}")
_NAME = re.compile(r"[^\W\d_]+(?:['’.\-]?[^\W\d_]+)*\.?(?: [^\W\d_]+(?:['’.\-]?[^\W\d_]+)*\.?)*")
_MARKED_INITIAL = re.compile(r"(?<!\S)[^\W\d_A-Za-z]")
"""The .Vn… fonts have no capitals with marks: "ánh" beside "Nguyễn" is a name all the same."""
_NAME_CHARACTERS, _TEXT_CHARACTERS, _DECISION_CHARACTERS = 100, 200, 100
_NAME_PARTS = [Field.FAMILY_NAME, Field.GIVEN_NAME]
_NAME_WORDS = range(2, 7)  # domain.md 4.1
_WORKING_AGES = range(18, 71)  # domain.md 4.1
_OLDEST = date(1900, 1, 1)

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class ReadingRules:
    """What rows are held against."""

    units: UnitIndex
    effective_on: date
    """The day the roster speaks of: units must be valid that day."""
    today: date
    email_domains: tuple[str, ...]
    scopes: tuple[str, ...] = ("",)
    """Unit paths whose subtrees the actor may change."""


def read_row(row: TableRow, rules: ReadingRules) -> tuple[PersonFacts | None, list[Remark]]:
    """The facts of one row, None when an error refuses it, and what is amiss in its cells.

    No remark stops the reading of the other cells.
    """
    reader = _RowReader(row, rules)
    return reader.read(), reader.remarks


class _RowReader:
    def __init__(self, row: TableRow, rules: ReadingRules) -> None:
        self._row = row
        self._cells = row.cells
        self._rules = rules
        self.remarks: list[Remark] = []

    def read(self) -> PersonFacts | None:
        """The row's facts; what is remarked comes in the order of the columns' meaning."""
        code = self._code()
        full_name = self._full_name()
        sex = self._checked(Field.SEX, cells.sex_of, N_("Ghi Nam hoặc Nữ."))
        birth_date = self._birth_date()
        if sex is None and Field.BIRTH_DATE_FEMALE in self._cells:
            sex = Sex.FEMALE
        elif sex is None and Field.BIRTH_DATE_MALE in self._cells:
            sex = Sex.MALE
        number = self._id_number(sex, birth_date)
        unit, division = self._unit()
        email = self._email()
        state, state_since = self._state()
        kind_hint = N_("Chọn: Cán bộ, Công chức, Viên chức, Người lao động.")
        kind = self._checked(Field.KIND, cells.kind_of, kind_hint)
        issued_on = self._past_date(Field.ID_ISSUED_ON)
        issued_by, title = self._text(Field.ID_ISSUED_BY), self._text(Field.TITLE)
        mobile = self._mobile()
        decision = self._text(Field.STATE_DECISION, _DECISION_CHARACTERS)
        rank_hint = N_("Ghi đủ dạng 01.003 hoặc V.07.03.29.")
        rank = self._checked(Field.RANK_CODE, cells.rank_of, rank_hint)
        roles_hint = N_("Ghi một hoặc nhiều: Chuyên viên, Lãnh đạo, Văn thư, Một cửa; hoặc Không.")
        roles = self._checked(Field.SIGNING_ROLES, cells.roles_of, roles_hint)
        wants_sim_pki = self._sim_pki(mobile)
        network_hint = N_("Ví dụ: Viettel, VinaPhone, MobiFone.")
        network = self._checked(Field.MOBILE_NETWORK, cells.network_of, network_hint)
        if unit is None or any(r.severity is Severity.ERROR for r in self.remarks):
            return None
        return PersonFacts(
            code=code,
            full_name=full_name,
            birth_date=birth_date,
            sex=sex,
            id_number=number.value if number else None,
            id_number_kind=number.kind if number else None,
            id_issued_on=issued_on,
            id_issued_by=issued_by,
            kind=kind,
            unit_id=unit.id,
            unit_path=unit.path,
            division=division,
            title=title,
            email=email,
            mobile=mobile,
            state=state,
            state_since=state_since,
            state_decision=decision,
            rank_code=rank,
            signing_roles=roles,
            wants_sim_pki=wants_sim_pki,
            mobile_network=network,
        )

    def _code(self) -> str:
        text = self._row.code
        if not text:
            self._error(Field.CODE, N_("Thiếu mã cán bộ."))
        elif not _CODE.fullmatch(text):
            hint = N_("Mã có tối đa 20 chữ cái, chữ số và các dấu . _ / -")
            sentence = N_("Mã cán bộ “%(value)s” không hợp lệ.")
            self._error(Field.CODE, sentence, hint, value=text[:40])
        return text

    def _full_name(self) -> str:
        fields = [Field.FULL_NAME] if Field.FULL_NAME in self._cells else _NAME_PARTS
        parts = [self._cells[field] for field in fields if field in self._cells]
        raw = " ".join(part if isinstance(part, str) else as_text(part) for part in parts)
        name = clean_text(raw)
        if not name:
            self._error(Field.FULL_NAME, N_("Thiếu họ và tên."))
            return ""
        if any(self._is_old_font(f, raw, Field.FULL_NAME) for f in fields if f in self._cells):
            return ""
        if len(name) > _NAME_CHARACTERS or not _NAME.fullmatch(name):
            sentence = N_("Họ và tên “%(value)s” có ký tự không phải chữ.")
            self._error(Field.FULL_NAME, sentence, value=name[:80])
            return ""
        cased = name
        if not name.istitle():
            cased = _MARKED_INITIAL.sub(lambda initial: initial[0].upper(), proper_case(name))
        if cased != name:
            self._warn(Field.FULL_NAME, N_("Họ và tên được viết lại thành “%(name)s”."), name=cased)
        if cased.count(" ") + 1 not in _NAME_WORDS:
            self._warn(Field.FULL_NAME, N_("Họ và tên thường có từ 2 đến 6 từ; hãy kiểm tra lại."))
        return cased

    def _birth_date(self) -> date | None:
        choices = [Field.BIRTH_DATE, Field.BIRTH_DATE_MALE, Field.BIRTH_DATE_FEMALE]
        field = next((f for f in choices if f in self._cells), None)
        if field is None:
            self._warn(Field.BIRTH_DATE, N_("Chưa có ngày sinh."))
            return None
        if (day := self._past_date(field)) is not None:
            today = self._rules.today
            age = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
            if age not in _WORKING_AGES:
                self._warn(field, N_("Người này %(age)d tuổi, ngoài khoảng 18 đến 70."), age=age)
        return day

    def _past_date(self, field: Field) -> date | None:
        if (day := self._checked(field, cells.date_of, cells.DATE_HINT)) is None:
            return None
        if not _OLDEST <= day <= self._rules.today:
            sentence = N_("Ngày %(value)s ở tương lai hoặc quá xa.")
            self._error(field, sentence, cells.DATE_HINT, value=f"{day:%d/%m/%Y}")
            return None
        if isinstance(self._cells[field], int | float):
            sentence = N_("Số ngày của Excel được hiểu là %(day)s.")
            self._warn(field, sentence, day=f"{day:%d/%m/%Y}")
        return day

    def _id_number(self, sex: Sex | None, birth_date: date | None) -> identity.IdNumber | None:
        if Field.ID_NUMBER not in self._cells:
            self._warn(Field.ID_NUMBER, N_("Chưa có số định danh cá nhân."))
            return None
        hint = N_("Định dạng cột này là Văn bản rồi nhập lại đủ 12 số.")
        number = self._checked(Field.ID_NUMBER, identity.id_number_of, hint)
        if number is None:
            return None
        if number.lost_zeros:
            sentence = N_("Số định danh bị mất số 0 ở đầu, đã khôi phục thành %(number)s.")
            self._warn(Field.ID_NUMBER, sentence, number=number.value)
        if number.kind is IdNumberKind.OLD_CARD:
            sentence = N_("Đây là số chứng minh nhân dân cũ (9 số), cần số định danh.")
            self._warn(Field.ID_NUMBER, sentence)
        if identity.disagrees_with_sex(number, sex):
            self._warn(Field.ID_NUMBER, N_("Số định danh không khớp với giới tính."))
        if identity.disagrees_with_birth_year(number, birth_date):
            self._warn(Field.ID_NUMBER, N_("Số định danh không khớp với năm sinh."))
        return number

    def _unit(self) -> tuple[KnownUnit | None, str | None]:
        text = as_text(self._cells.get(Field.UNIT))
        division = self._text(Field.DIVISION)
        if not text:
            self._error(Field.UNIT, N_("Thiếu cơ quan, đơn vị."))
            return None, division
        match = self._rules.units.match(text)
        if (unit := match.unit) is None:
            self._unit_problem(text, match)
            return None, division
        if match.without_marks:
            self._warn(Field.UNIT, N_("Tên đơn vị được hiểu là “%(unit)s”."), unit=unit.name)
        if division and (child := self._rules.units.child(unit, division)) is not None:
            unit, division = child, child.name
        return unit, division

    def _unit_problem(self, text: str, match: UnitMatch) -> None:
        day, meant = self._rules.effective_on, match.candidates
        if match.problem is MatchProblem.AMBIGUOUS:
            sentence = N_("“%(value)s” có thể là nhiều đơn vị.")
            hint = N_("Ghi đầy đủ tên hoặc mã: %(candidates)s.")
        elif match.problem is MatchProblem.NOT_VALID:
            sentence = N_("Đơn vị “%(value)s” không hoạt động vào ngày %(day)s.")
            hint = N_("Đơn vị đang hoạt động có tên gần nhất: %(candidates)s.")
            meant = tuple(unit for unit in meant if unit.is_valid_on(day))
        else:
            sentence = N_("Không có đơn vị nào tên là “%(value)s”.")
            hint = N_("Có phải là: %(candidates)s?")
        if not meant:
            hint = N_("Ghi tên hoặc mã đúng như trong danh mục đơn vị.")
        names = "; ".join(f"{unit.name} ({unit.code})" for unit in meant)
        said = {"value": text[:120], "day": f"{day:%d/%m/%Y}", "candidates": names}
        self._error(Field.UNIT, sentence, hint, **said)

    def _email(self) -> str | None:
        domain = self._rules.email_domains[0]
        if Field.EMAIL not in self._cells:
            sentence = N_(
                "Chưa có thư điện tử công vụ; chưa thể đề nghị cấp chứng thư cho người này."
            )
            self._warn(Field.EMAIL, sentence)
            return None
        hint = N_("Ghi đủ dạng ten@%(domain)s.")
        email = self._checked(
            Field.EMAIL, lambda cell: cells.email_of(as_text(cell)), hint, domain=domain
        )
        if email and not cells.is_official(email, self._rules.email_domains):
            sentence = N_("Không phải thư điện tử công vụ (@%(domain)s) nên không được ghi nhận.")
            self._warn(Field.EMAIL, sentence, domain=domain)
            return None
        return email

    def _mobile(self) -> str | None:
        if Field.MOBILE not in self._cells:
            return None
        try:
            return cells.mobile_of(self._cells[Field.MOBILE])
        except Invalid as refusal:
            self._warn(Field.MOBILE, refusal.sentence, **refusal.values)
            return None

    def _state(self) -> tuple[PersonState | None, date | None]:
        since = self._past_date(Field.STATE_SINCE)
        hint = N_("Ví dụ: Đang công tác, Biệt phái, Nghỉ hưu.")
        state = self._checked(Field.STATE, cells.state_of, hint)
        return state, since if state else None

    def _sim_pki(self, mobile: str | None) -> bool | None:
        wanted = self._checked(Field.SIM_PKI, cells.yes_or_no, N_("Ghi Có hoặc Không."))
        if wanted and mobile is None:  # domain.md 4.1: only if a mobile number is present
            self._warn(Field.SIM_PKI, N_("Đăng ký SIM PKI cần có số điện thoại di động."))
            return None
        return wanted

    def _checked(
        self, field: Field, read: Callable[[Cell], _T], hint: str, **values: str
    ) -> _T | None:
        """What a cell holds, read by that rule; None for an empty one, and for an error."""
        if field not in self._cells:
            return None
        try:
            return read(self._cells[field])
        except Invalid as refusal:
            self._error(field, refusal.sentence, hint, **(refusal.values | values))
            return None

    def _text(self, field: Field, characters: int = _TEXT_CHARACTERS) -> str | None:
        raw = self._cells.get(field)
        if raw is None:
            return None
        text = as_text(raw)
        if not self._is_old_font(field, raw, field) and len(text) > characters:
            self._error(field, N_("Nội dung dài quá %(limit)d ký tự."), limit=characters)
        return text or None

    def _is_old_font(self, field: Field, raw: Cell, told: Field) -> bool:
        """True, and told, when a cell is typed for an old font, or may be in a mixed column."""
        font = isinstance(raw, str) and (self._row.doubtful.get(field) or legacy_font_of(raw))
        if font:
            sentence = N_("Chữ viết bằng phông cũ %(font)s, không phải Unicode.")
            self._error(told, sentence, N_("Chuyển mã sang Unicode rồi nhập lại."), font=font)
        return bool(font)

    def _error(self, field: Field, sentence: str, hint: str = "", /, **values: object) -> None:
        self.remarks.append(error(field, sentence, hint, **values))

    def _warn(self, field: Field, sentence: str, /, **values: object) -> None:
        self.remarks.append(warning(field, sentence, **values))
