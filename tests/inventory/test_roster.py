"""From a messy list to a plan: what is recognised, refused, warned of."""

import io
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from signer.errors import Invalid
from signer.inventory.facts import KnownPeople, KnownPerson, PersonFacts
from signer.inventory.findings import Finding
from signer.inventory.judging import Verdict
from signer.inventory.models import PersonKind, Sex
from signer.inventory.reading import ReadingRules
from signer.inventory.roster import Column, Field, Table, TableRow, column_letter
from signer.inventory.states import PersonState
from tests.inventory.conftest import HEADINGS, SAMPLE, csv_text, person, xlsx_bytes
from tests.inventory.plans import RULES, TODAY, UNITS, held, plan, planned, table_of


def only(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = findings
    return finding


def test_the_sample_roster_gives_the_expected_counts(tmp_path: Path) -> None:
    """300 people: three on 31/02, five broken addresses, five in a unit that does not exist."""
    made = plan(table_of(tmp_path, SAMPLE.read_bytes()), KnownPeople())
    assert (made.rows, made.new, made.changed, made.same) == (300, 287, 0, 0)
    assert made.error_rows == len({finding.row for finding in made.errors}) == 13
    headings = {"D": "date", "J": "unit", "M": "email"}
    assert Counter(headings[finding.column] for finding in made.errors) == {
        "date": 3,
        "unit": 5,
        "email": 5,
    }
    assert made.ignored_rows == (307, 309, 310)
    assert made.unknown_headings == ()
    warned = Counter(f.sentence[:24] for f in made.warnings)
    assert warned == {
        "Số định danh bị mất số 0": 60,
        "Họ và tên được viết lại ": 18,
        "Chưa có thư điện tử công": 9,
        "Số định danh không khớp ": 4,
        "Đây là số chứng minh nhâ": 2,
    }


def test_the_sample_rosters_errors_name_row_column_value_and_hint(tmp_path: Path) -> None:
    """Row and column are the spreadsheet's own; the heading joins both header rows."""
    made = plan(table_of(tmp_path, SAMPLE.read_bytes()), KnownPeople())
    first = {finding.column: finding for finding in reversed(made.errors)}
    email, unit, born = first["M"], first["J"], first["D"]
    assert (email.row, email.heading) == (12, "Thư điện tử công vụ")
    assert email.value == "ngahp at hanoi.gov.vn"
    assert (unit.row, unit.heading) == (13, "Cơ quan, tổ chức công tác – Đơn vị")
    assert (born.row, born.message) == (90, "Ngày 31/02/1980 không có trong lịch.")
    assert "ngày/tháng/năm" in born.hint


def test_the_sample_rosters_people_are_stored_clean(tmp_path: Path) -> None:
    """NFC, proper case, twelve digits, whatever the cells held."""
    made = plan(table_of(tmp_path, SAMPLE.read_bytes()), KnownPeople())
    facts = {entry.facts.code: entry.facts for entry in made.entries}
    assert facts["HN000011"].full_name == "Lý Thu Oanh"
    assert facts["HN000012"].full_name == "Dương Thanh Hùng"
    assert facts["HN000017"].id_number == "079083170703"
    assert facts["HN000001"].birth_date == date(1969, 4, 1)
    assert facts["HN000001"].kind is PersonKind.CIVIL_SERVANT
    assert facts["HN000001"].sex is Sex.FEMALE
    assert facts["HN000020"].unit_path == next(u.path for u in UNITS if u.code == "00565")
    assert all(unicodedata.is_normalized("NFC", f.full_name) for f in facts.values())
    assert all(f.id_number is None or len(f.id_number) in (9, 12) for f in facts.values())


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"Mã CB": ""}, "Mã CB", "Thiếu mã cán bộ"),
        ({"Mã CB": "A B\\C"}, "Mã CB", "không hợp lệ"),
        ({"Họ và tên": " \u200b "}, "Họ và tên", "Thiếu họ và tên"),
        ({"Họ và tên": "Nguyễn Văn 2"}, "Họ và tên", "không phải chữ"),
        ({"Họ và tên": "NguyÔn V¨n An"}, "Họ và tên", "TCVN3"),
        ({"Chức vụ": "Tröôûng phoøng"}, "Chức vụ", "VNI"),
        ({"Ngày sinh": "31/02/1980"}, "Ngày sinh", "không có trong lịch"),
        ({"Ngày sinh": "12/31/1980"}, "Ngày sinh", "không có trong lịch"),
        ({"Ngày sinh": "1980"}, "Ngày sinh", "không phải một ngày đầy đủ"),
        ({"Ngày sinh": "01/01/2030"}, "Ngày sinh", "tương lai"),
        ({"Giới tính": "khác"}, "Giới tính", "không phải giới tính"),
        ({"Số CCCD": "12345"}, "Số CCCD", "12 chữ số"),
        ({"Số CCCD": "1,17E+11"}, "Số CCCD", "chữ số"),
        ({"Loại": "Giám đốc"}, "Loại", "không phải một loại"),
        ({"Đơn vị": ""}, "Đơn vị", "Thiếu cơ quan"),
        ({"Đơn vị": "Phòng không tồn tại"}, "Đơn vị", "Không có đơn vị nào"),
        ({"Đơn vị": "UBND quận Ba Đình"}, "Đơn vị", "không hoạt động vào ngày 23/11/2026"),
        ({"Thư điện tử công vụ": "anh at hanoi.gov.vn"}, "Thư điện tử công vụ", "không đúng dạng"),
        ({"Thư điện tử công vụ": "ánh@hanoi.gov.vn"}, "Thư điện tử công vụ", "không đúng dạng"),
        ({"Thư điện tử công vụ": "a..b@hanoi.gov.vn"}, "Thư điện tử công vụ", "không đúng dạng"),
        ({"Trạng thái công tác": "đi chơi"}, "Trạng thái công tác", "không phải một trạng thái"),
    ],
)
def test_an_error_refuses_its_row_and_names_the_cell(
    tmp_path: Path, changed: dict[str, str], field: str, words: str
) -> None:
    """Each by row, column, heading, value; the row beside it goes in."""
    made = planned(person(1), person(2, **changed), tmp_path=tmp_path)
    finding = only(made.errors)
    assert (finding.row, finding.heading) == (3, field)
    assert finding.column == column_letter(HEADINGS.index(field))
    assert words in finding.message
    assert (made.new, made.error_rows) == (1, 1)


def test_a_unit_error_suggests_the_nearest_unit(tmp_path: Path) -> None:
    """Misspelt: the nearest name; closed: today's unit of that name."""
    made = planned(
        person(1, **{"Đơn vị": "UBND xã Hoà Lạk"}),
        person(2, **{"Đơn vị": "UBND quận Ba Đình"}),
        tmp_path=tmp_path,
    )
    misspelt, closed = made.errors
    assert "Ủy ban nhân dân xã Hoà Lạc (09988)" in misspelt.hint
    assert "Ủy ban nhân dân phường Ba Đình (00004)" in closed.hint


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Số CCCD": "1185000001"}, "đã khôi phục thành 001185000001"),
        ({"Số CCCD": "012345678"}, "chứng minh nhân dân cũ"),
        ({"Số CCCD": "001085000001"}, "giới tính"),
        ({"Số CCCD": "001184000001"}, "năm sinh"),
        ({"Số CCCD": ""}, "Chưa có số định danh"),
        ({"Thư điện tử công vụ": ""}, "Chưa có thư điện tử công vụ"),
        ({"Thư điện tử công vụ": "anh@gmail.com"}, "Không phải thư điện tử công vụ"),
        ({"Số điện thoại di động": "12345"}, "không phải số di động"),
        ({"Họ và tên": "NGUYỄN THỊ ÁNH"}, "viết lại thành “Nguyễn Thị Ánh”"),
        ({"Họ và tên": "Ánh"}, "từ 2 đến 6 từ"),
        ({"Ngày sinh": ""}, "Chưa có ngày sinh"),
        ({"Ngày sinh": "15/03/1985", "Đơn vị": "UBND phuong Lang"}, "được hiểu là"),
        ({"Ngày sinh": "15/03/1945", "Số CCCD": "001145000001"}, "81 tuổi"),
    ],
)
def test_a_warning_imports_its_row(tmp_path: Path, changed: dict[str, str], words: str) -> None:
    """The clerk is told, and the person goes in."""
    made = planned(person(1, **changed), tmp_path=tmp_path)
    assert not made.errors
    assert made.new == 1
    assert words in only(made.warnings).message


def test_an_address_outside_the_official_domains_is_not_stored(tmp_path: Path) -> None:
    """R3: it would end up in a certificate. A subdomain of an official domain is fine."""
    made = planned(
        person(1, **{"Thư điện tử công vụ": "anh@gmail.com"}),
        person(2, **{"Thư điện tử công vụ": "Anh.NT@SNV.hanoi.gov.vn"}),
        person(3, **{"Thư điện tử công vụ": "anh@xhanoi.gov.vn"}),
        tmp_path=tmp_path,
    )
    assert [e.facts.email for e in made.entries] == [None, "anh.nt@snv.hanoi.gov.vn", None]


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Mã CB", "Mã cán bộ này có ở cả các dòng"),
        ("Số CCCD", "Số định danh này có ở cả các dòng"),
        ("Thư điện tử công vụ", "Thư điện tử này có ở cả các dòng"),
    ],
)
def test_rows_that_share_what_is_one_persons_are_all_refused(
    tmp_path: Path, heading: str, words: str
) -> None:
    """Nobody can know which is right; each names the others. The third row goes in."""
    first, second = person(1), person(2, **{"Họ và tên": "Trần Thị Bình"})
    made = planned(first, {**second, heading: first[heading]}, person(3), tmp_path=tmp_path)
    assert [finding.row for finding in made.errors] == [2, 3]
    assert all(words in finding.message for finding in made.errors)
    assert made.errors[0].message.endswith("3.")
    assert [entry.row for entry in made.entries] == [4]


def test_a_row_repeated_word_for_word_is_refused_alone(tmp_path: Path) -> None:
    """The first copy says all there is."""
    made = planned(person(1), person(1), tmp_path=tmp_path)
    assert only(made.errors).message == "Dòng này lặp lại nguyên dòng 2."
    assert (made.new, made.error_rows) == (1, 1)


def known(*people: PersonFacts) -> KnownPeople:
    return KnownPeople.of(
        KnownPerson(id=n, facts=facts, period_id=n, period_from=date(2026, 1, 1))
        for n, facts in enumerate(people, start=1)
    )


def stored_facts(tmp_path: Path, **changed: Any) -> PersonFacts:
    """What the inventory holds after a good row, spoiled as asked."""
    (entry,) = planned(person(1), tmp_path=tmp_path).entries
    values = {name: getattr(entry.facts, name) for name in PersonFacts._fields}
    return PersonFacts(**(values | {"state": PersonState.WORKING} | changed))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"code": "HN000777"}, "Số định danh này đã thuộc về người có mã HN000777"),
        ({"code": "HN000777", "id_number": None}, "Thư điện tử này đã thuộc về người có mã"),
        ({"full_name": "Lê Văn Bốn", "id_number": "001085000999"}, "đang thuộc về người khác"),
    ],
)
def test_what_belongs_to_another_person_is_refused(
    tmp_path: Path, other: dict[str, Any], words: str
) -> None:
    """A code, number or address that the inventory knows as somebody else's."""
    made = planned(person(1), tmp_path=tmp_path, known=known(stored_facts(tmp_path, **other)))
    assert words in made.errors[0].message
    assert made.new == 0


def test_a_leavers_address_may_go_to_a_successor(tmp_path: Path) -> None:
    """Unique while active (domain.md 4.1)."""
    retired = stored_facts(
        tmp_path, code="HN000777", id_number=None, birth_date=None, state=PersonState.RETIRED
    )
    made = planned(person(1), tmp_path=tmp_path, known=known(retired))
    assert not made.errors
    assert made.new == 1


def test_the_same_name_and_birth_date_under_another_code_is_warned_of(tmp_path: Path) -> None:
    """R10: folded, so that "Hòa" and "Hoà" meet; in the file and in the inventory."""
    twin = stored_facts(tmp_path, code="HN000777", id_number=None, email=None)
    made = planned(
        person(1, **{"Họ và tên": "Nguyễn Thị Anh"}),
        person(2),
        tmp_path=tmp_path,
        known=known(twin),
    )
    assert [f.message for f in made.warnings] == [
        "Trùng họ tên và ngày sinh với người có mã HN000002, HN000777.",
        "Trùng họ tên và ngày sinh với người có mã HN000001, HN000777.",
    ]
    assert made.new == 2


def test_blanks_never_erase(tmp_path: Path) -> None:
    """A roster with fewer columns changes only what it tells."""
    sparse = {"Mã CB": "HN000001", "Họ và tên": "Nguyễn Thị Ánh", "Đơn vị": "Phường Láng"}
    made = planned(sparse, tmp_path=tmp_path, known=known(stored_facts(tmp_path)))
    assert (made.same, made.changed, made.error_rows) == (1, 0, 0)


def test_changes_are_named(tmp_path: Path) -> None:
    """So that the audit event can say what changed."""
    made = planned(
        person(1, **{"Chức vụ": "Trưởng phòng", "Đơn vị": "Phường Giảng Võ"}),
        tmp_path=tmp_path,
        known=known(stored_facts(tmp_path)),
    )
    (entry,) = made.entries
    assert entry.verdict is Verdict.CHANGED
    assert entry.changes == ("unit_id", "title")


def test_rows_outside_the_actors_units_are_refused(tmp_path: Path) -> None:
    """Both by the unit they name and by the unit the person is in now."""
    lang = next(u for u in UNITS if u.code == "00199")
    rules = ReadingRules(
        units=RULES.units,
        effective_on=TODAY,
        today=TODAY,
        email_domains=RULES.email_domains,
        scopes=(lang.path,),
    )
    rows = [person(1), person(2, **{"Đơn vị": "Phường Giảng Võ", "Họ và tên": "Lê Thị Ba"})]
    table = table_of(tmp_path, csv_text(rows).encode())
    elsewhere = stored_facts(tmp_path, unit_id=1, unit_path="0001.9999.")
    assert [f.row for f in plan(table, KnownPeople(), rules).errors] == [3]
    assert [f.row for f in plan(table, known(elsewhere), rules).errors] == [2, 3]


# The list inside the file


def test_a_roster_without_a_header_is_refused(tmp_path: Path) -> None:
    """In the clerk's words, with the columns that are wanted."""
    rows = [["1", "HN1", "Nguyễn Văn An", "Sở Nội vụ"], ["2", "HN2", "Lê Văn Ba", "Sở Y tế"]]
    with pytest.raises(Invalid, match="Không tìm thấy dòng tiêu đề"):
        table_of(tmp_path, xlsx_bytes(rows))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """Code, name and unit are required."""
    rows = [["STT", "Họ và tên", "Ngày sinh", "Giới tính"], ["1", "Nguyễn Văn An", "", "Nam"]]
    made = plan(table_of(tmp_path, xlsx_bytes(rows)), KnownPeople())
    assert made.missing == ("Mã cán bộ", "Đơn vị")
    assert (made.rows, made.entries) == (0, ())


def test_a_workbook_typed_in_an_old_font_is_put_into_unicode(tmp_path: Path) -> None:
    """The cells are Unicode only in form; the clerk is told."""
    rows = [
        ["STT", "M· c¸n bé", "Hä vµ tªn", "§¬n vÞ", "Chøc vô"],
        ["1", "A1", "NguyÔn V¨n An", "Ph­êng L¸ng", "Tr­ëng phßng"],
    ]
    made = plan(table_of(tmp_path, xlsx_bytes(rows)), KnownPeople())
    (entry,) = made.entries
    assert (entry.facts.full_name, entry.facts.title) == ("Nguyễn Văn An", "Trưởng phòng")
    assert "TCVN3" in made.remark
    assert [h.heading for h in made.headings][1:3] == ["Mã cán bộ", "Họ và tên"]


def test_split_names_and_birth_dates_by_sex_are_understood(tmp_path: Path) -> None:
    """Two usual layouts: family and given name apart; the birth date under Nam or under Nữ."""
    rows = [
        ["DANH SÁCH CÁN BỘ"],
        [],
        ["TT", "Mã số", "Họ và tên đệm", "Tên", "Năm sinh", None, "Cơ quan công tác"],
        [None, None, None, None, "Nam", "Nữ", None],
        ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)", "(7)"],
        ["I", None, "KHỐI PHƯỜNG"],
        [1, "A1", "Nguyễn Văn", "An", "02/09/1980", None, "P. Láng"],
        [2, "A2", "Trần Thị", "Bình", None, date(1985, 3, 15), "P. Láng"],
        ["Tổng số: 2 người"],
        [None, None, "Người lập", None, None, None, "Chủ tịch"],
        [None, None, "Lê Thị", "Lập", None, None, "Nguyễn Văn Chủ"],
    ]
    table = table_of(tmp_path, xlsx_bytes(rows))
    made = plan(table, KnownPeople())
    assert [(e.row, e.facts.full_name, e.facts.sex) for e in made.entries] == [
        (7, "Nguyễn Văn An", Sex.MALE),
        (8, "Trần Thị Bình", Sex.FEMALE),
    ]
    assert made.entries[1].facts.birth_date == date(1985, 3, 15)
    assert made.ignored_rows == (5, 6, 9, 10, 11)


def test_a_person_below_a_subtotal_is_not_lost(tmp_path: Path) -> None:
    """Lists by unit have a total after each; a row with a code stays a person's row."""
    rows: list[list[Any]] = [list(HEADINGS)]
    rows += [[person(1)[h] for h in HEADINGS], ["Cộng", None, 1.0]]
    rows += [[person(2)[h] for h in HEADINGS], ["Tổng cộng", None, 2.0]]
    table = table_of(tmp_path, xlsx_bytes(rows))
    assert [row if isinstance(row, int) else row.cells[Field.CODE] for row in table.rows()] == [
        "HN000001",
        3,
        "HN000002",
        5,
    ]


def test_the_first_sheet_with_a_header_is_taken_and_unknown_columns_are_named(
    tmp_path: Path,
) -> None:
    """Nothing is dropped in silence."""
    rows = [[*HEADINGS, "Ghi chú"], [person(1)[h] for h in HEADINGS]]
    table = table_of(tmp_path, xlsx_bytes(rows))
    assert table.unknown_headings == ("Ghi chú",)
    assert table.columns[Field.CODE].letter == "B"


def test_a_second_list_in_the_workbook_is_named(tmp_path: Path) -> None:
    """An office keeps a sheet for each of its parts; only the first is read, and that is said."""
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output)
    for name, code in (("Phòng A", "A1"), ("Ghi chú", None), ("Phòng B", "B1")):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["Mã CB", "Họ và tên", "Đơn vị"] if code else ["không có gì"])
        sheet.write_row(1, 0, [code or "", "Nguyễn An", "Phường Láng"])
    book.close()
    made = plan(table_of(tmp_path, output.getvalue()), KnownPeople())
    assert (made.rows, made.other_lists) == (1, ("Phòng B",))


@pytest.mark.parametrize(("index", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ")])
def test_columns_have_the_spreadsheets_letters(index: int, letter: str) -> None:
    """As the clerk sees them."""
    assert column_letter(index) == letter


# Properties

cell = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**13), 10**13),
    st.booleans(),
    st.dates(),
    st.sampled_from(
        ["31/02/1980", "Phường Láng", "HN000001", "a@hanoi.gov.vn", "Nữ", 1185000001.0]
    ),
)
table_rows = st.lists(st.dictionaries(st.sampled_from(list(Field)), cell), max_size=12)


@given(table_rows)
@settings(deadline=None)
def test_no_cell_breaks_the_plan_and_every_row_is_accounted_for(
    cells: list[dict[Field, Any]],
) -> None:
    """Whatever the cells hold: new + changed + same + error rows is all rows, and again alike."""
    table = Table(
        sheet=held([[], *([row.get(field) for field in Field] for row in cells)]),
        header_row=1,
        columns={
            field: Column(field=field, index=place, letter=column_letter(place), heading=field)
            for place, field in enumerate(Field)
        },
        headings=(),
        missing=(),
        fonts={},
    )
    rows = [row for row in table.rows() if isinstance(row, TableRow)]
    made = plan(table, KnownPeople())
    assert made.rows == made.new + made.changed + made.same + made.error_rows == len(rows)
    assert {f.row for f in made.errors} == {r.number for r in rows} - {e.row for e in made.entries}
    assert all(finding.message and finding.hint is not None for finding in made.errors)
    assert plan(table, KnownPeople()) == made
    after = KnownPeople.of(
        KnownPerson(id=e.row, facts=e.facts, period_id=e.row, period_from=TODAY)
        for e in made.entries
    )
    again = plan(table, after)
    assert (again.new, again.changed, again.same) == (0, 0, made.new)
