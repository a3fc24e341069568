"""What offices do to their lists, row by row (domain.md 4, R6 to R10), and files made of it all."""

import csv
import io
import unicodedata
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signer.inventory.facts import KnownPeople, KnownPerson, PersonFacts
from signer.inventory.kinds import IdNumberKind, PersonKind, Sex, SigningRole
from signer.inventory.names import sort_key
from signer.inventory.states import PersonState
from tests.inventory.conftest import csv_text, person, windows_1258, xlsx_bytes
from tests.inventory.plans import TODAY, UNITS, plan, planned, table_of
from tests.inventory.test_legacy import in_tcvn3, in_vni

LANG = next(unit for unit in UNITS if unit.code == "00199")


@pytest.mark.parametrize(
    ("heading", "typed", "fact", "value"),
    [
        # Numbers of identity that a spreadsheet took for quantities
        ("Số CCCD", 1185000123.0, "id_number", "001185000123"),
        ("Số CCCD", "'001185000123", "id_number", "001185000123"),
        ("Số CCCD", "001 185 000 123", "id_number", "001185000123"),
        ("Số CCCD", 12345678.0, "id_number", "012345678"),
        ("Số điện thoại di động", 912345678.0, "mobile", "0912345678"),
        ("Số điện thoại di động", "+84 912 345 678", "mobile", "0912345678"),
        ("Số điện thoại di động", "0912.345.678", "mobile", "0912345678"),
        # Dates as text, as numbers, as dates, in words
        ("Ngày sinh", "15/3/1985", "birth_date", date(1985, 3, 15)),
        ("Ngày sinh", "15-03-1985", "birth_date", date(1985, 3, 15)),
        ("Ngày sinh", "15.03.1985", "birth_date", date(1985, 3, 15)),
        ("Ngày sinh", "1985-03-15 00:00:00", "birth_date", date(1985, 3, 15)),
        ("Ngày sinh", "ngày 15 tháng 3 năm 1985", "birth_date", date(1985, 3, 15)),
        ("Ngày sinh", 31121.0, "birth_date", date(1985, 3, 15)),
        ("Ngày sinh", date(1985, 3, 15), "birth_date", date(1985, 3, 15)),
        # Names as they are typed (R7)
        ("Họ và tên", "NGUYỄN THỊ ÁNH", "full_name", "Nguyễn Thị Ánh"),
        ("Họ và tên", "nguyễn thị ánh", "full_name", "Nguyễn Thị Ánh"),
        ("Họ và tên", "Nguyễn Thị ánh", "full_name", "Nguyễn Thị Ánh"),
        ("Họ và tên", " Nguyễn\u00a0 Thị\u200b Ánh ", "full_name", "Nguyễn Thị Ánh"),
        ("Họ và tên", "Nguyễn Thị\nÁnh", "full_name", "Nguyễn Thị Ánh"),
        ("Họ và tên", "Ðỗ Thị Ánh", "full_name", "Đỗ Thị Ánh"),
        (
            "Họ và tên",
            unicodedata.normalize("NFD", "Nguyễn Thị Ánh"),
            "full_name",
            "Nguyễn Thị Ánh",
        ),
        # Units however they are called
        ("Đơn vị", "P. Láng", "unit_id", LANG.id),
        ("Đơn vị", "Phường Láng, TP. Hà Nội", "unit_id", LANG.id),
        ("Đơn vị", "00199", "unit_id", LANG.id),
        ("Đơn vị", 199.0, "unit_id", LANG.id),
        ("Đơn vị", "ủy ban nhân dân phường láng", "unit_id", LANG.id),
        # Words of closed lists
        ("Loại", "CC", "kind", PersonKind.CIVIL_SERVANT),
        ("Loại", "viên  chức", "kind", PersonKind.PUBLIC_EMPLOYEE),
        ("Giới tính", "NU", "sex", Sex.FEMALE),
        ("Trạng thái công tác", "Thai sản", "state", PersonState.MATERNITY_LEAVE),
        ("Vai trò ký", "Lãnh đạo; Một cửa", "signing_roles", (SigningRole.LEADER, "one_stop")),
        ("Vai trò ký", "Không", "signing_roles", ()),
        ("Vai trò ký", "chuyên viên (ký nháy)", "signing_roles", (SigningRole.SPECIALIST,)),
        ("Mã ngạch", "01.003", "rank_code", "01.003"),
        ("Mã ngạch", 1.003, "rank_code", "01.003"),
        ("Mã ngạch", "01003", "rank_code", "01.003"),
        ("Mã ngạch", "v.07.03.29", "rank_code", "V.07.03.29"),
        ("SIM PKI", "x", "wants_sim_pki", True),
        ("SIM PKI", "Không", "wants_sim_pki", False),
        ("Nhà mạng", "VIETTEL", "mobile_network", "Viettel"),
        ("Nhà mạng", "Vinaphone", "mobile_network", "VinaPhone"),
        ("Số quyết định", " 12/QĐ-UBND ", "state_decision", "12/QĐ-UBND"),
        ("Thư điện tử công vụ", " AnhNT@HaNoi.gov.vn", "email", "anhnt@hanoi.gov.vn"),
    ],
)
def test_a_habit_is_understood(
    tmp_path: Path, heading: str, typed: Any, fact: str, value: Any
) -> None:
    """One cell typed so, in a workbook; the person goes in with the fact as it is stored."""
    good = person(1) | {"Số CCCD": "", heading: typed}
    made = plan(table_of(tmp_path, xlsx_bytes([list(good), list(good.values())])), KnownPeople())
    assert not made.errors
    assert getattr(made.entries[0].facts, fact) == value


@pytest.mark.parametrize(
    ("heading", "typed", "words"),
    [
        ("Mã ngạch", "chuyên viên", "không đúng dạng"),
        ("Vai trò ký", "Giám đốc", "không phải một vai trò ký"),
        ("SIM PKI", "có thể", "không phải là Có hoặc Không"),
        ("Nhà mạng", "Nokia", "không phải một nhà mạng"),
        ("Số quyết định", "x" * 101, "dài quá 100 ký tự"),
    ],
)
def test_what_a_new_column_cannot_hold_is_an_error(
    tmp_path: Path, heading: str, typed: str, words: str
) -> None:
    """By row and column, with a hint where there is one."""
    good = person(1) | {heading: typed}
    made = plan(table_of(tmp_path, xlsx_bytes([list(good), list(good.values())])), KnownPeople())
    assert [(f.row, f.heading) for f in made.errors] == [(2, heading)]
    assert words in made.errors[0].message


def test_a_sim_without_a_number_is_not_asked_for(tmp_path: Path) -> None:
    """Domain.md 4.1: only if a mobile number is present."""
    row = person(1, **{"Số điện thoại di động": "", "SIM PKI": "Có"})
    made = plan(table_of(tmp_path, xlsx_bytes([list(row), list(row.values())])), KnownPeople())
    assert made.entries[0].facts.wants_sim_pki is None
    assert "số điện thoại di động" in made.warnings[0].message


def test_one_column_that_mixes_fonts_refuses_what_cannot_be_known(tmp_path: Path) -> None:
    """Unicode beyond doubt goes in; what reads either way does not, and the font is named."""
    rows = [
        person(1, **{"Họ và tên": "Nguyễn Thị Hạnh"}),
        person(2, **{"Họ và tên": in_tcvn3("Trần Thị Bưởi")}),
        person(3, **{"Họ và tên": "Lê Nam Tó"}),
    ]
    made = planned(*rows, tmp_path=tmp_path)
    assert [(f.row, f.heading) for f in made.errors] == [(3, "Họ và tên"), (4, "Họ và tên")]
    assert all("TCVN3" in f.message for f in made.errors)


@pytest.mark.parametrize(
    "column",
    ["Họ và tên", "Họ tên", "HỌ VÀ TÊN KHAI SINH", "Họ và tên cán bộ (chữ in hoa)", "3. Họ và tên"],
)
def test_a_heading_has_many_words(tmp_path: Path, column: str) -> None:
    """Synonyms, capitals, numbers and remarks in brackets."""
    row = {column if heading == "Họ và tên" else heading: v for heading, v in person(1).items()}
    made = plan(table_of(tmp_path, csv_text([row], list(row)).encode()), KnownPeople())
    assert made.entries[0].facts.full_name == "Nguyễn Thị Ánh"


def test_names_are_listed_in_the_order_of_given_names() -> None:
    """R9's test set."""
    given_names = ["An", "Ánh", "Ăn", "Ân", "Dũng", "Đạt", "Hà", "Hả", "Hạ"]
    mixed = given_names[::-1]
    assert sorted(mixed, key=lambda n: sort_key(f"Lê {n}")) == given_names


# Files made of all of it: import(export(people)) is the identity

_WORDS = ("Nguyễn", "Trần", "Đỗ", "Thị", "Văn", "Hữu", "Ánh", "Thuỷ", "Hoà", "Quý", "Ngữ", "Mỹ")
_names = st.lists(st.sampled_from(_WORDS), min_size=2, max_size=4).map(" ".join)
_days = st.dates(date(1960, 1, 1), date(2006, 1, 1))


@st.composite
def people(draw: st.DrawFn) -> list[PersonFacts]:
    """Officials of which no two share what is one person's."""
    made = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        born, sex = draw(_days), draw(st.sampled_from(Sex))
        century = (0 if born.year < 2000 else 2) + (sex is Sex.FEMALE)
        mobile = draw(st.none() | st.integers(0, 10**8 - 1).map(lambda n: f"09{n:08d}"))
        made.append(
            PersonFacts(
                code=f"HN{number:05d}",
                full_name=draw(_names),
                birth_date=born,
                sex=sex,
                id_number=f"{draw(st.integers(1, 96)):03d}{century}{born:%y}{number:06d}",
                id_number_kind=IdNumberKind.PERSONAL,
                id_issued_on=draw(st.none() | st.dates(date(2016, 1, 1), TODAY)),
                kind=draw(st.none() | st.sampled_from(PersonKind)),
                unit_id=LANG.id,
                unit_path=LANG.path,
                title=draw(st.none() | st.sampled_from(["Chuyên viên", "Trưởng phòng"])),
                email=draw(st.none() | st.just(f"u{number}@hanoi.gov.vn")),
                mobile=mobile,
                state=draw(st.none() | st.sampled_from(PersonState)),
                state_decision=draw(st.none() | st.just("12/QĐ-UBND")),
                rank_code=draw(st.none() | st.sampled_from(["01.003", "V.07.03.29"])),
                signing_roles=draw(
                    st.none()
                    | st.sets(st.sampled_from(SigningRole)).map(
                        lambda found: tuple(role for role in SigningRole if role in found)
                    )
                ),
                wants_sim_pki=None if mobile is None else draw(st.none() | st.booleans()),
                mobile_network=draw(st.none() | st.sampled_from(["Viettel", "VinaPhone"])),
            )
        )
    return made


def exported(told: PersonFacts) -> dict[str, Any]:
    """The person as a row of a roster."""
    roles = told.signing_roles
    return {
        "Mã CB": told.code,
        "Họ và tên": told.full_name,
        "Ngày sinh": told.birth_date,
        "Giới tính": told.sex,
        "Số CCCD": told.id_number,
        "Ngày cấp": told.id_issued_on,
        "Loại": told.kind,
        "Đơn vị": "UBND phường Láng",
        "Chức vụ": told.title,
        "Thư điện tử công vụ": told.email,
        "Số điện thoại di động": told.mobile,
        "Trạng thái công tác": told.state,
        "Số quyết định": told.state_decision,
        "Mã ngạch": told.rank_code,
        "Vai trò ký": None if roles is None else ", ".join(roles) or "không",
        "SIM PKI": {None: None, True: "Có", False: "Không"}[told.wants_sim_pki],
        "Nhà mạng": told.mobile_network,
    }


Quirk = Callable[[list[dict[str, Any]], st.DrawFn], bytes]


def as_an_office_prints_it(rows: list[dict[str, Any]], draw: st.DrawFn) -> bytes:
    """A workbook with the state's name on top, two rows of headings, totals and a signature;
    numbers of identity as quantities, some names in capitals, all text decomposed (macOS)."""
    form = draw(st.sampled_from(["NFC", "NFD"]))
    heads = list(rows[0])
    split = heads.index("Ngày sinh")
    top = [*heads[:split], "Ngày sinh", None, *heads[split + 1 :]]
    below = [*[None] * split, "Nam", "Nữ", *[None] * (len(heads) - split - 1)]
    sheet: list[list[Any]] = [["CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"], [], top, below]
    for row in rows:
        cells = dict(row)
        cells["Số CCCD"] = float(cells["Số CCCD"])
        if cells["Số điện thoại di động"]:
            cells["Số điện thoại di động"] = float(cells["Số điện thoại di động"])
        if draw(st.booleans()):
            cells["Họ và tên"] = str(cells["Họ và tên"]).upper()
        born = cells.pop("Ngày sinh")
        is_man = cells["Giới tính"] == Sex.MALE
        values = list(cells.values())
        values[split:split] = [born, None] if is_man else [None, born]
        sheet.append([unicodedata.normalize(form, v) if isinstance(v, str) else v for v in values])
        if draw(st.booleans()):
            sheet.append([])
    sheet += [[f"Tổng cộng: {len(rows)} người"], [None, "Người lập", None, "Chủ tịch"]]
    return xlsx_bytes(sheet)


def as_an_old_program_wrote_it(rows: list[dict[str, Any]], draw: st.DrawFn) -> bytes:
    """A CSV with semicolons in a one-byte set of the nineties, dates as text of every kind."""
    pattern = draw(st.sampled_from(["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"]))
    output = io.StringIO()
    writer = csv.writer(output, delimiter=";")
    # A line of prose, so that there is something to know the set by.
    writer.writerow(["Danh sách cán bộ, công chức, viên chức, người lao động của phường"])
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(
            [v.strftime(pattern) if isinstance(v, date) else (v or "") for v in row.values()]
        )
    text = output.getvalue()
    encode = draw(st.sampled_from([windows_1258, _bytes(in_tcvn3), _bytes(in_vni)]))
    return encode(text)


def as_a_web_form_exports_it(rows: list[dict[str, Any]], draw: st.DrawFn) -> bytes:
    """Columns in any order, unknown ones among them, invisible characters, ISO dates, UTF-16."""
    heads = draw(st.permutations([*rows[0], "Ghi chú", "Dân tộc"]))
    output = io.StringIO()
    writer = csv.writer(output, delimiter="\t")
    writer.writerow(heads)
    for row in rows:
        cells = [row.get(head, "x") for head in heads]
        texts = [v.isoformat() if isinstance(v, date) else str(v or "") for v in cells]
        writer.writerow([f" {text}\u200b " if text else "" for text in texts])
    return output.getvalue().encode(draw(st.sampled_from(["utf-16", "utf-8-sig", "utf-16-le"])))


def _bytes(typed: Callable[[str], str]) -> Callable[[str], bytes]:
    return lambda text: typed(text).encode("latin-1")


@pytest.mark.parametrize(
    "quirk", [as_an_office_prints_it, as_an_old_program_wrote_it, as_a_web_form_exports_it]
)
@given(data=st.data())
@settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_was_written_out_comes_in_as_it_was(
    tmp_path: Path, quirk: Quirk, data: st.DataObject
) -> None:
    """And once more changes nothing."""
    told = data.draw(people())
    table = table_of(tmp_path, quirk([exported(one) for one in told], data.draw))
    made = plan(table, KnownPeople())
    assert not made.errors, [(f.heading, f.value, f.message) for f in made.errors]
    assert [entry.facts for entry in made.entries] == told
    after = KnownPeople.of(
        KnownPerson(id=n, facts=one, period_id=n, period_from=TODAY)
        for n, one in enumerate(told, start=1)
    )
    again = plan(table, after)
    assert (again.new, again.changed, again.same, again.error_rows) == (0, 0, len(told), 0)
