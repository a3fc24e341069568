"""Invented officials of forty units, as the rows of a roster file; the same ones every time."""

import csv
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

INVENTED = json.loads(Path(__file__).with_name("invented.json").read_text(encoding="utf-8"))
"""Units, names, divisions, papers and tasks of the demo.

`family_names` has the share of each; `long_names` are longer than the 64 characters that a
certificate has for a name (RFC 5280, ub-common-name); a division has its kind of staff and the
titles of its two heads.
"""
SEED = 20260701
_PROVINCE = "099"
"""No province has this code, so that no number here belongs to anybody."""
_MAIL_DOMAIN = "vidu.hanoi.gov.vn"  # "ví dụ": example
_WITHOUT_MAIL = 25
"""One person in so many has no official e-mail yet."""

HEADER = (
    *("STT", "Mã CB", "Họ và tên", "Ngày, tháng, năm sinh", "Giới tính"),
    *("Số CCCD/ĐDCN", "Ngày cấp", "Nơi cấp", "Loại", "Cơ quan, tổ chức công tác"),
    *("Phòng", "Chức vụ", "Thư điện tử công vụ", "Số điện thoại di động", "Trạng thái công tác"),
    "Vai trò ký",
)
_Post = tuple[str, str, str, str]
"""A place to be filled: unit, division, kind of staff, title."""


@dataclass(frozen=True, kw_only=True)
class Invented:
    """One invented official, as the roster writes people."""

    code: str
    full_name: str
    birth_date: date
    sex: str
    id_number: str
    id_issued_on: date
    unit_code: str
    division: str
    kind: str
    title: str
    email: str
    mobile: str


def invented_people(seed: int = SEED) -> list[Invented]:
    """About 1,500 people; the first of each unit is its head."""
    random = Random(seed)  # noqa: S311  # invented people, not secrets
    taken: Counter[str] = Counter()
    posts = list(_posts(random))
    long_names = dict(zip(range(len(posts), 0, -1), INVENTED["long_names"], strict=False))
    return [
        _invent(random, number, post, taken, long_names.get(number))
        for number, post in enumerate(posts, start=1)
    ]


def roster_csv(
    people: Sequence[Invented], unit_names: Mapping[str, str], states: Mapping[str, str]
) -> bytes:
    """The people as the CSV file an office would send, UTF-8 with a byte-order mark.

    `states` are the words of those whose state changed, by staff code; the others work.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number, person in enumerate(people, start=1):
        writer.writerow(
            (
                *(number, person.code, person.full_name, f"{person.birth_date:%d/%m/%Y}"),
                *(person.sex, person.id_number, f"{person.id_issued_on:%d/%m/%Y}"),
                *("Cục CSQLHC về TTXH", person.kind, unit_names[person.unit_code]),
                *(person.division, person.title, person.email, person.mobile),
                *(states.get(person.code, "Đang công tác"), ", ".join(_roles(person))),
            )
        )
    return text.getvalue().encode("utf-8-sig")


def _roles(person: Invented) -> Iterator[str]:
    if person.division.startswith("Lãnh đạo"):
        yield "lãnh đạo"
    if person.title == "Văn thư":
        yield "văn thư"
    if person.title.startswith("Chuyên viên"):
        yield "chuyên viên"
    if person.division == "Trung tâm Phục vụ hành chính công":
        yield "một cửa"


def _posts(random: Random) -> Iterator[_Post]:
    for unit in INVENTED["departments"]:
        head = "Chánh Văn phòng" if unit == "VP" else "Giám đốc"
        for title in (head, *[f"Phó {head}"] * 3):
            yield unit, "Lãnh đạo", "Công chức", title
        yield from _staff(random, unit, INVENTED["department_divisions"], range(10, 14))
    for unit in (*INVENTED["wards"], *INVENTED["communes"]):
        for title in ("Chủ tịch", *["Phó Chủ tịch"] * 2):
            yield unit, "Lãnh đạo UBND", "Cán bộ", title
        yield from _staff(random, unit, INVENTED["commune_divisions"], range(5, 8))


def _staff(
    random: Random, unit: str, divisions: Sequence[_Post], sizes: Sequence[int]
) -> Iterator[_Post]:
    for division, kind, head, deputy in divisions:
        is_urban = division == "Phòng Kinh tế" and unit in INVENTED["wards"]
        name = "Phòng Kinh tế, Hạ tầng và Đô thị" if is_urban else division
        titles = INVENTED["staff_titles"][kind]
        for title in (head, deputy, *random.choices(titles, k=random.choice(sizes) - 2)):
            yield unit, name, kind, title


def _invent(
    random: Random, number: int, post: _Post, taken: Counter[str], long_name: str | None
) -> Invented:
    unit_code, division, kind, title = post
    sex = "Nữ" if long_name else random.choice(("Nam", "Nữ"))
    middle = random.choice(INVENTED["middle_names"][sex].split())
    givens = [given for given in INVENTED["given_names"][sex].split() if given != middle]
    families = INVENTED["family_names"]
    (family,) = random.choices(list(families), families.values())
    name = long_name or f"{family} {middle} {random.choice(givens)}"
    oldest, youngest = (1967, 1985) if division.startswith("Lãnh đạo") else (1968, 2002)
    born = date(random.randint(oldest, youngest), 1, 1) + timedelta(days=random.randrange(365))
    # Digit 4 says century and sex, digits 5 and 6 the year of birth (Decree 137/2015, article 13).
    century = {"Nam": 0, "Nữ": 1}[sex] + (2 if born.year >= 2000 else 0)
    id_number = f"{_PROVINCE}{century}{born.year % 100:02d}{random.randrange(10**6):06d}"
    local = _mail_name(name)
    taken[local] += 1
    suffix = str(taken[local]) if taken[local] > 1 else ""
    has_mail = random.randrange(_WITHOUT_MAIL) > 0 or title not in ("Chuyên viên", "Viên chức")
    return Invented(
        code=f"MAU{number:05d}",
        full_name=name,
        birth_date=born,
        sex=sex,
        id_number=id_number,
        id_issued_on=date(2021, 3, 1) + timedelta(days=random.randrange(900)),
        unit_code=unit_code,
        division=division,
        kind=kind,
        title=title,
        email=f"{local}{suffix}@{_MAIL_DOMAIN}" if has_mail else "",
        mobile=f"09{random.randrange(10**8):08d}",
    )


def _mail_name(full_name: str) -> str:
    """Given name, then the initials of family and middle names, as the city writes addresses."""
    plain = unicodedata.normalize("NFD", full_name.replace("Đ", "D").replace("đ", "d"))
    words = "".join(c for c in plain if not unicodedata.combining(c)).lower().split()
    return words[-1] + "".join(word[0] for word in words[:-1])
