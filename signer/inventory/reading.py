"""Reads one row of a roster into facts, with a finding for every cell that is amiss."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from signer.errors import N_, Invalid
from signer.inventory import cells, identity
from signer.inventory.facts import PersonFacts
from signer.inventory.findings import Finding, Severity, finding_of
from signer.inventory.kinds import IdNumberKind, Sex
from signer.inventory.names import clean_text, legacy_font_of, proper_case
from signer.inventory.roster import Column, Field, TableRow, as_text
from signer.inventory.sheets import Cell
from signer.inventory.states import PersonState
from signer.inventory.units import KnownUnit, MatchProblem, UnitIndex

_CODE = re.compile(r"[A-ZĐ0-9][A-ZĐ0-9._/\-]{0,19}")
_NAME = re.compile(r"[^\W\d_]+(?:['’.\-]?[^\W\d_]+)*\.?(?: [^\W\d_]+(?:['’.\-]?[^\W\d_]+)*\.?)*")
_MARKED_INITIAL = re.compile(r"(?<!\S)[^\W\d_A-Za-z]")
"""The .Vn… fonts have no capitals with marks: "ánh" beside "Nguyễn" is a name all the same."""
_NAME_CHARACTERS, _TEXT_CHARACTERS, _DECISION_CHARACTERS = 100, 200, 100
_NAME_FIELDS = (Field.FULL_NAME, Field.FAMILY_NAME, Field.GIVEN_NAME)
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


@dataclass(frozen=True, kw_only=True)
class ReadRow:
    """A row's facts, None when an error refuses it, and its findings."""

    number: int
    code: str
    """As it is written, also of a refused row; empty when there is none."""
    facts: PersonFacts | None
    findings: tuple[Finding, ...]


def read_row(row: TableRow, columns: Mapping[Field, Column], rules: ReadingRules) -> ReadRow:
    """The facts of one row; no finding stops the reading of the other cells."""
    return _RowReader(row, columns, rules).read()


class _RowReader:
    def __init__(self, row: TableRow, columns: Mapping[Field, Column], rules: ReadingRules) -> None:
        self._row = row
        self._cells = row.cells
        self._columns = columns
        self._rules = rules
        self._findings: list[Finding] = []

    def read(self) -> ReadRow:
        """The row's facts and findings, in the order of the columns' meaning."""
        code = self._code()
        full_name = self._full_name()
        sex = self._sex()
        birth_date = self._birth_date(sex)
        if sex is None and Field.BIRTH_DATE_FEMALE in self._cells:
            sex = Sex.FEMALE
        elif sex is None and Field.BIRTH_DATE_MALE in self._cells:
            sex = Sex.MALE
        number = self._id_number(sex, birth_date)
        unit, division = self._unit()
        email = self._email()
        state, state_since = self._state()
        kind = self._checked(
            Field.KIND,
            lambda cell: cells.kind_of(str(cell)),
            N_("Chọn: Cán bộ, Công chức, Viên chức, Người lao động."),
        )
        issued_on = self._past_date(Field.ID_ISSUED_ON)
        issued_by, title = self._text(Field.ID_ISSUED_BY), self._text(Field.TITLE)
        mobile = self._mobile()
        decision = self._text(Field.STATE_DECISION, _DECISION_CHARACTERS)
        rank = self._checked(
            Field.RANK_CODE, cells.rank_of, N_("Ghi đủ dạng 01.003 hoặc V.07.03.29.")
        )
        roles = self._checked(
            Field.SIGNING_ROLES,
            lambda cell: cells.roles_of(str(cell)),
            N_("Ghi một hoặc nhiều: Chuyên viên, Lãnh đạo, Văn thư, Một cửa; hoặc Không."),
        )
        wants_sim_pki, network = self._sim_pki(mobile)
        refused = any(f.severity is Severity.ERROR for f in self._findings)
        if refused or unit is None:
            return ReadRow(
                number=self._row.number, code=code, facts=None, findings=tuple(self._findings)
            )
        facts = PersonFacts(
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
        return ReadRow(
            number=self._row.number, code=code, facts=facts, findings=tuple(self._findings)
        )

    def _code(self) -> str:
        text = self._row.code
        if not text:
            self._error(Field.CODE, Invalid(N_("Thiếu mã cán bộ.")))
        elif not _CODE.fullmatch(text):
            self._error(
                Field.CODE,
                Invalid(N_("Mã cán bộ “%(value)s” không hợp lệ."), value=text[:40]),
                N_("Mã có tối đa 20 chữ cái, chữ số và các dấu . _ / -"),
            )
        return text

    def _full_name(self) -> str:
        name_field = Field.FULL_NAME if Field.FULL_NAME in self._columns else Field.GIVEN_NAME
        parts = [
            self._cells.get(f)
            for f in _NAME_FIELDS
            if f in self._cells and (f is Field.FULL_NAME or Field.FULL_NAME not in self._cells)
        ]
        raw = " ".join(part if isinstance(part, str) else as_text(part) for part in parts)
        name = clean_text(raw)
        if not name:
            self._error(name_field, Invalid(N_("Thiếu họ và tên.")))
            return ""
        fonts = [self._font_of(f, raw) for f in _NAME_FIELDS if f in self._cells]
        if font := next(filter(None, fonts), None):
            self._old_font(name_field, font)
            return ""
        if len(name) > _NAME_CHARACTERS or not _NAME.fullmatch(name):
            self._error(
                name_field,
                Invalid(N_("Họ và tên “%(value)s” có ký tự không phải chữ."), value=name[:80]),
            )
            return ""
        cased = _MARKED_INITIAL.sub(lambda initial: initial[0].upper(), proper_case(name))
        if cased != name:
            self._warn(name_field, N_("Họ và tên được viết lại thành “%(name)s”."), name=cased)
        if len(cased.split()) not in _NAME_WORDS:
            self._warn(name_field, N_("Họ và tên thường có từ 2 đến 6 từ; hãy kiểm tra lại."))
        return cased

    def _sex(self) -> Sex | None:
        hint = N_("Ghi Nam hoặc Nữ.")
        return self._checked(Field.SEX, lambda cell: cells.sex_of(str(cell)), hint)

    def _birth_date(self, sex: Sex | None) -> date | None:
        choices = [Field.BIRTH_DATE, Field.BIRTH_DATE_MALE, Field.BIRTH_DATE_FEMALE]
        field = next((f for f in choices if f in self._cells), None)
        if field is None:
            column = next((f for f in choices if f in self._columns), Field.BIRTH_DATE)
            self._warn(column, N_("Chưa có ngày sinh."))
            return None
        day = self._past_date(field)
        if day is not None:
            today = self._rules.today
            age = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
            if age not in _WORKING_AGES:
                self._warn(field, N_("Người này %(age)d tuổi, ngoài khoảng 18 đến 70."), age=age)
        return day

    def _past_date(self, field: Field) -> date | None:
        if field not in self._cells:
            return None
        try:
            read = cells.date_of(self._cells[field])
        except Invalid as error:
            self._error(field, error, cells.DATE_HINT)
            return None
        shown = f"{read.day:%d/%m/%Y}"
        if not _OLDEST <= read.day <= self._rules.today:
            refusal = Invalid(N_("Ngày %(value)s ở tương lai hoặc quá xa."), value=shown)
            self._error(field, refusal, cells.DATE_HINT)
            return None
        if read.was_number:
            self._warn(field, N_("Số ngày của Excel được hiểu là %(day)s."), day=shown)
        return read.day

    def _id_number(self, sex: Sex | None, birth_date: date | None) -> identity.IdNumber | None:
        raw = self._cells.get(Field.ID_NUMBER)
        if raw is None:
            self._warn(Field.ID_NUMBER, N_("Chưa có số định danh cá nhân."))
            return None
        try:
            number = identity.id_number_of(raw if isinstance(raw, str | int | float) else str(raw))
        except Invalid as error:
            self._error(
                Field.ID_NUMBER, error, N_("Định dạng cột này là Văn bản rồi nhập lại đủ 12 số.")
            )
            return None
        if number.lost_zeros:
            self._warn(
                Field.ID_NUMBER,
                N_("Số định danh bị mất số 0 ở đầu, đã khôi phục thành %(number)s."),
                number=number.value,
            )
        if number.kind is IdNumberKind.OLD_CARD:
            self._warn(
                Field.ID_NUMBER, N_("Đây là số chứng minh nhân dân cũ (9 số), cần số định danh.")
            )
        if identity.disagrees_with_sex(number, sex):
            self._warn(Field.ID_NUMBER, N_("Số định danh không khớp với giới tính."))
        if identity.disagrees_with_birth_year(number, birth_date):
            self._warn(Field.ID_NUMBER, N_("Số định danh không khớp với năm sinh."))
        return number

    def _unit(self) -> tuple[KnownUnit | None, str | None]:
        text = as_text(self._cells.get(Field.UNIT))
        division = self._text(Field.DIVISION)
        if not text:
            self._error(Field.UNIT, Invalid(N_("Thiếu cơ quan, đơn vị.")))
            return None, division
        match = self._rules.units.match(text)
        unit = match.unit
        if unit is None:
            self._unit_problem(text, match.problem, match.candidates)
            return None, division
        if match.without_marks:
            self._warn(Field.UNIT, N_("Tên đơn vị được hiểu là “%(unit)s”."), unit=unit.name)
        if division and (child := self._rules.units.child(unit, division)) is not None:
            unit, division = child, child.name
        return unit, division

    def _unit_problem(
        self, text: str, problem: MatchProblem | None, candidates: tuple[KnownUnit, ...]
    ) -> None:
        names = "; ".join(f"{unit.name} ({unit.code})" for unit in candidates)
        if problem is MatchProblem.AMBIGUOUS:
            sentence = N_("“%(value)s” có thể là nhiều đơn vị.")
            hint = N_("Ghi đầy đủ tên hoặc mã: %(candidates)s.")
        elif problem is MatchProblem.NOT_VALID:
            sentence = N_("Đơn vị “%(value)s” không hoạt động vào ngày %(day)s.")
            names = "; ".join(
                f"{unit.name} ({unit.code})"
                for unit in candidates
                if unit.is_valid_on(self._rules.effective_on)
            )
            hint = N_("Đơn vị đang hoạt động có tên gần nhất: %(candidates)s.")
        else:
            sentence = N_("Không có đơn vị nào tên là “%(value)s”.")
            hint = N_("Có phải là: %(candidates)s?")
        if not names:
            hint = N_("Ghi tên hoặc mã đúng như trong danh mục đơn vị.")
        error = Invalid(
            sentence, value=text[:120], day=f"{self._rules.effective_on:%d/%m/%Y}", candidates=names
        )
        self._error(Field.UNIT, error, hint)

    def _email(self) -> str | None:
        if Field.EMAIL not in self._cells:
            self._warn(
                Field.EMAIL,
                N_("Chưa có thư điện tử công vụ; chưa thể đề nghị cấp chứng thư cho người này."),
            )
            return None
        try:
            email = cells.email_of(as_text(self._cells[Field.EMAIL]))
        except Invalid as error:
            self._error(Field.EMAIL, error, N_("Ghi đủ dạng ten@%(domain)s."), domain=self._domain)
            return None
        if not cells.is_official(email, self._rules.email_domains):
            self._warn(
                Field.EMAIL,
                N_("Không phải thư điện tử công vụ (@%(domain)s) nên không được ghi nhận."),
                domain=self._domain,
            )
            return None
        return email

    @property
    def _domain(self) -> str:
        return self._rules.email_domains[0]

    def _mobile(self) -> str | None:
        if Field.MOBILE not in self._cells:
            return None
        try:
            return cells.mobile_of(self._cells[Field.MOBILE])
        except Invalid as error:
            self._warn(Field.MOBILE, error.sentence, **error.values)
            return None

    def _state(self) -> tuple[PersonState | None, date | None]:
        since = self._past_date(Field.STATE_SINCE)
        if Field.STATE not in self._cells:
            return None, None
        try:
            return cells.state_of(str(self._cells[Field.STATE])), since
        except Invalid as error:
            self._error(Field.STATE, error, N_("Ví dụ: Đang công tác, Biệt phái, Nghỉ hưu."))
            return None, None

    def _sim_pki(self, mobile: str | None) -> tuple[bool | None, str | None]:
        wanted = self._checked(Field.SIM_PKI, cells.yes_or_no, N_("Ghi Có hoặc Không."))
        network = self._checked(
            Field.MOBILE_NETWORK,
            lambda cell: cells.network_of(str(cell)),
            N_("Ví dụ: Viettel, VinaPhone, MobiFone."),
        )
        if wanted and mobile is None:  # domain.md 4.1: only if a mobile number is present
            self._warn(Field.SIM_PKI, N_("Đăng ký SIM PKI cần có số điện thoại di động."))
            wanted = None
        return wanted, network

    def _checked(self, field: Field, read: Callable[[Cell], _T], hint: str) -> _T | None:
        """What a cell holds, read by that rule; None for an empty one, and for an error."""
        if field not in self._cells:
            return None
        try:
            return read(self._cells[field])
        except Invalid as error:
            self._error(field, error, hint)
            return None

    def _text(self, field: Field, characters: int = _TEXT_CHARACTERS) -> str | None:
        raw = self._cells.get(field)
        if raw is None:
            return None
        text = as_text(raw)
        if isinstance(raw, str) and (font := self._font_of(field, raw)) is not None:
            self._old_font(field, font)
        elif len(text) > characters:
            self._error(
                field,
                Invalid(N_("Nội dung dài quá %(limit)d ký tự."), limit=characters),
            )
        return text or None

    def _font_of(self, field: Field, raw: str) -> str | None:
        """The old font that a cell is typed for, or may be in a column that mixes them."""
        return self._row.doubtful.get(field) or legacy_font_of(raw)

    def _old_font(self, field: Field, font: str) -> None:
        self._error(
            field,
            Invalid(N_("Chữ viết bằng phông cũ %(font)s, không phải Unicode."), font=font),
            N_("Chuyển mã sang Unicode rồi nhập lại."),
        )

    def _error(self, field: Field, error: Invalid, hint: str = "", **values: str | int) -> None:
        self._add(Severity.ERROR, field, error.sentence, hint, {**error.values, **values})

    def _warn(self, field: Field, sentence: str, /, **values: object) -> None:
        self._add(Severity.WARNING, field, sentence, "", values)

    def _add(
        self,
        severity: Severity,
        field: Field,
        sentence: str,
        hint: str,
        values: Mapping[str, object],
    ) -> None:
        self._findings.append(
            finding_of(severity, self._row, self._columns, field, sentence, hint, values)
        )
