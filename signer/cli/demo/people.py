"""Invented officials of forty units, as the rows of a roster file; the same ones every time."""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

DEPARTMENTS = ("VP", "SNV", "STP", "STC", "SKHCN", "SYT")
WARDS = (
    *("00004", "00008", "00025", "00070", "00082", "00091", "00097", "00103", "00118", "00127"),
    *("00136", "00145", "00160", "00166", "00175", "00190", "00199", "00226", "00229", "00235"),
)
COMMUNES = (
    *("00376", "00382", "00454", "00466", "00541", "00565", "00577"),
    *("00640", "00664", "09022", "09619", "09895", "09988", "10015"),
)
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


def _split(words: dict[str, str]) -> dict[str, list[str]]:
    return {sex: text.split() for sex, text in words.items()}


_FAMILY_NAMES = (
    *["Nguyễn"] * 31,
    *["Trần"] * 11,
    *["Lê"] * 10,
    *["Phạm"] * 7,
    *["Hoàng"] * 5,
    *["Vũ"] * 4,
    *["Đỗ", "Đặng", "Bùi", "Phan"] * 3,
    *["Ngô", "Dương", "Hồ", "Lý", "Đinh", "Trịnh", "Đào", "Mai", "Tạ", "Hà"],
    *["Lưu", "Lương", "Chu", "Kiều", "Phùng", "Cao", "Nghiêm", "Quách", "Doãn", "Khuất"],
)
_MIDDLE_NAMES = _split(
    {
        "Nữ": "Thị Thị Thị Thị Thu Thanh Ngọc Minh Phương Kim Bích Hồng Thùy Diệu Khánh Hải",
        "Nam": "Văn Văn Văn Đức Quang Minh Hữu Xuân Công Đình Tuấn Anh Trọng Ngọc Việt Mạnh",
    }
)
_GIVEN_NAMES = _split(
    {
        "Nữ": (
            "An Anh Ánh Ân Bình Châu Chi Dung Duyên Giang Hà Hạ Hạnh Hằng Hiền Hoa Hòa Hồng Huệ "
            "Huyền Hương Hường Lan Liên Linh Loan Mai My Nga Ngân Nguyệt Nhàn Nhung Oanh Phương "
            "Phượng Quyên Quỳnh Tâm Thảo Thơm Thu Thủy Thúy Trang Trinh Tuyết Uyên Vân Xuân Yến"
        ),
        "Nam": (
            "An Bách Bảo Bình Chiến Chung Cường Dũng Duy Đại Đạt Điệp Đông Đức Giang Hải Hào Hiếu "
            "Hòa Hoàng Hùng Huy Hưng Khánh Khoa Kiên Lâm Linh Long Lộc Minh Nam Nghĩa Nguyên Phong "
            "Phúc Phương Quân Quang Quý Sơn Tài Tâm Thành Thắng Thịnh Tiến Toàn Trung Tú Tuấn Vinh"
        ),
    }
)
_LONG_NAMES = (
    "Công Tằng Tôn Nữ Thị Hoàng Diệu Minh Ngọc Phương Khánh Quỳnh Anh Thư",
    "Công Huyền Tôn Nữ Thị Bích Ngọc Phương Thảo Minh Khuê Hoàng Yến Vân",
    "Công Tôn Nữ Thị Thanh Nhàn Diễm Phượng Hoàng Quỳnh Giao Bảo Châu Anh",
)
"""Longer than the 64 characters that a certificate has for a name (RFC 5280, ub-common-name)."""
_COMMUNE_DIVISIONS = {
    "Văn phòng HĐND và UBND": ("Công chức", "Chánh Văn phòng", "Phó Chánh Văn phòng"),
    "Phòng Kinh tế": ("Công chức", "Trưởng phòng", "Phó Trưởng phòng"),
    "Phòng Văn hóa - Xã hội": ("Công chức", "Trưởng phòng", "Phó Trưởng phòng"),
    "Trung tâm Phục vụ hành chính công": ("Viên chức", "Giám đốc Trung tâm", "Phó Giám đốc"),
    "Trạm Y tế": ("Viên chức", "Trưởng trạm", "Phó Trưởng trạm"),
}
_DEPARTMENT_DIVISIONS = {
    "Văn phòng": ("Công chức", "Chánh Văn phòng", "Phó Chánh Văn phòng"),
    "Phòng Kế hoạch - Tài chính": ("Công chức", "Trưởng phòng", "Phó Trưởng phòng"),
    "Phòng Tổ chức cán bộ": ("Công chức", "Trưởng phòng", "Phó Trưởng phòng"),
    "Phòng Nghiệp vụ": ("Công chức", "Trưởng phòng", "Phó Trưởng phòng"),
    "Trung tâm Thông tin": ("Viên chức", "Giám đốc Trung tâm", "Phó Giám đốc Trung tâm"),
}
_STAFF_TITLES = {
    "Công chức": ("Chuyên viên", "Chuyên viên", "Chuyên viên", "Chuyên viên chính", "Văn thư"),
    "Viên chức": ("Viên chức", "Viên chức", "Nhân viên", "Kế toán"),
}


@dataclass(frozen=True, kw_only=True)
class Post:
    """A place to be filled: where, of which kind, under which title."""

    unit_code: str
    division: str
    kind: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Invented:
    """One invented official, as the roster writes people."""

    code: str
    full_name: str
    birth_date: date
    sex: str
    id_number: str
    id_issued_on: date
    post: Post
    email: str
    mobile: str


def invented_people(seed: int = SEED) -> list[Invented]:
    """About 1,500 people; the first of each unit is its head."""
    random = Random(seed)  # noqa: S311  # invented people, not secrets
    taken: Counter[str] = Counter()
    posts = list(_posts(random))
    long_names = dict(zip(range(len(posts), 0, -1), _LONG_NAMES, strict=False))
    return [
        _invent(random, number, post, taken, long_names.get(number))
        for number, post in enumerate(posts, start=1)
    ]


def roster_csv(
    people: Sequence[Invented],
    unit_names: Mapping[str, str],
    *,
    states: Mapping[str, str] | None = None,
) -> bytes:
    """The people as the CSV file an office would send, UTF-8 with a byte-order mark.

    `states` are the words of those whose state changed, by staff code; the others work.
    """
    states = states or {}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number, person in enumerate(people, start=1):
        writer.writerow(
            (
                *(number, person.code, person.full_name, f"{person.birth_date:%d/%m/%Y}"),
                *(person.sex, person.id_number, f"{person.id_issued_on:%d/%m/%Y}"),
                *("Cục CSQLHC về TTXH", person.post.kind, unit_names[person.post.unit_code]),
                *(person.post.division, person.post.title, person.email, person.mobile),
                *(states.get(person.code, "Đang công tác"), ", ".join(_roles(person.post))),
            )
        )
    return text.getvalue().encode("utf-8-sig")


def _roles(post: Post) -> Iterator[str]:
    if post.division.startswith("Lãnh đạo"):
        yield "lãnh đạo"
    if post.title == "Văn thư":
        yield "văn thư"
    if post.title.startswith("Chuyên viên"):
        yield "chuyên viên"
    if post.division == "Trung tâm Phục vụ hành chính công":
        yield "một cửa"


def _posts(random: Random) -> Iterator[Post]:
    for unit in DEPARTMENTS:
        office = unit == "VP"
        heads = ["Chánh Văn phòng" if office else "Giám đốc"]
        heads += ["Phó Chánh Văn phòng" if office else "Phó Giám đốc"] * 3
        yield from _heads(unit, "Lãnh đạo", heads, "Công chức")
        yield from _divisions(random, unit, _DEPARTMENT_DIVISIONS, range(10, 14))
    for unit in (*WARDS, *COMMUNES):
        yield from _heads(unit, "Lãnh đạo UBND", ["Chủ tịch", *["Phó Chủ tịch"] * 2], "Cán bộ")
        divisions = dict(_COMMUNE_DIVISIONS)
        if unit in WARDS:
            economy = divisions.pop("Phòng Kinh tế")
            divisions["Phòng Kinh tế, Hạ tầng và Đô thị"] = economy
        yield from _divisions(random, unit, divisions, range(5, 8))


def _heads(unit: str, division: str, titles: Sequence[str], kind: str) -> Iterator[Post]:
    for title in titles:
        yield Post(unit_code=unit, division=division, kind=kind, title=title)


def _divisions(
    random: Random, unit: str, divisions: dict[str, tuple[str, str, str]], sizes: Sequence[int]
) -> Iterator[Post]:
    for division, (kind, head, deputy) in divisions.items():
        titles = [head, deputy]
        titles += [random.choice(_STAFF_TITLES[kind]) for _ in range(random.choice(sizes) - 2)]
        for title in titles:
            yield Post(unit_code=unit, division=division, kind=kind, title=title)


def _invent(
    random: Random, number: int, post: Post, taken: Counter[str], long_name: str | None
) -> Invented:
    sex = "Nữ" if long_name else random.choice(("Nam", "Nữ"))
    middle, given = random.choice(_MIDDLE_NAMES[sex]), random.choice(_GIVEN_NAMES[sex])
    while given == middle:
        given = random.choice(_GIVEN_NAMES[sex])
    name = long_name or f"{random.choice(_FAMILY_NAMES)} {middle} {given}"
    oldest, youngest = (1967, 1985) if post.division.startswith("Lãnh đạo") else (1968, 2002)
    born = date(random.randint(oldest, youngest), 1, 1) + timedelta(days=random.randrange(365))
    # Digit 4 says century and sex, digits 5 and 6 the year of birth (Decree 137/2015, article 13).
    century = {"Nam": 0, "Nữ": 1}[sex] + (2 if born.year >= 2000 else 0)
    id_number = f"{_PROVINCE}{century}{born.year % 100:02d}{random.randrange(10**6):06d}"
    local = _mail_name(name)
    taken[local] += 1
    suffix = str(taken[local]) if taken[local] > 1 else ""
    without_mail = random.randrange(_WITHOUT_MAIL) == 0 and post.title in (
        "Chuyên viên",
        "Viên chức",
    )
    return Invented(
        code=f"MAU{number:05d}",
        full_name=name,
        birth_date=born,
        sex=sex,
        id_number=id_number,
        id_issued_on=date(2021, 3, 1) + timedelta(days=random.randrange(900)),
        post=post,
        email="" if without_mail else f"{local}{suffix}@{_MAIL_DOMAIN}",
        mobile=f"09{random.randrange(10**8):08d}",
    )


def _mail_name(full_name: str) -> str:
    """Given name, then the initials of family and middle names, as the city writes addresses."""
    plain = unicodedata.normalize("NFD", full_name.replace("Đ", "D").replace("đ", "d"))
    words = "".join(c for c in plain if not unicodedata.combining(c)).lower().split()
    return words[-1] + "".join(word[0] for word in words[:-1])
