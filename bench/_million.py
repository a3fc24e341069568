"""A city of a million people with ten years of certificates, for the benches that read it.

It is invented from one seed, loaded in bulk into the real tables and kept in a folder below the
system's temporary one, so that the next bench finds it there. What a bench adds stays too.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import random
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import Table, create_engine, select, text

from signer.accounts import SYSTEM, Role
from signer.app import create_rooms
from signer.cli.ceremony import hold_ceremony
from signer.clock import Clock
from signer.config import Settings
from signer.db import Base, db
from signer.inventory.kinds import PersonKind, UnitKind
from signer.inventory.models import OrgUnit
from signer.inventory.names import fold, sort_key
from signer.inventory.states import STATE_RULES, PersonState
from signer.inventory.words import folded_name
from signer.services import Services

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""The instant at which a bench asks; it stands still, so that every run asks the same."""
REFORM = date(2025, 7, 1)
"""The communes open; whoever worked in a district the day before works in one of them."""
_SEED = 20261123
_AT_ONCE = 20_000  # persons whose rows are made, and stored, together
_PER_REQUEST = 10_000
_YEARS_BACK = 11


class StandingClock(Clock):
    """Always `NOW`."""

    def now(self) -> datetime:
        """The instant of all these benches."""
        return NOW


@contextmanager
def city_of(
    folder: Path | None = None,
    *,
    persons: int = 1_000_000,
    units: int = 600,
    certificates: int = 10_000_000,
    postgresql: bool = False,
) -> Iterator[Flask]:
    """The application on such a city, in its context; made the first time, found afterwards.

    One process at a time: another one waits. HSM, ceremony and two accounts (`hr`, `head`, over
    the whole city) are real. `folder` holds everything (None: below the temporary folder).
    """
    kind = "postgresql" if postgresql else "sqlite"
    name = f"{kind}-{persons}-{units}-{certificates}"
    base = folder or Path(tempfile.gettempdir()) / "signer-bench"
    base.mkdir(parents=True, exist_ok=True)
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = base / name
        version = home / "version"
        with contextlib.suppress(FileNotFoundError):
            if version.read_text(encoding="ascii") == _version():
                with _served(home, postgresql) as app:
                    yield app
                    return
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o711)
        with _served(home, postgresql) as app:
            _fill(app, persons, units, certificates)
            version.write_text(_version(), encoding="ascii")
            yield app


def _version() -> str:
    """Changes with this program and with the columns and indexes of any table."""
    schema = [
        (name, sorted(table.c.keys()), sorted(str(index.name) for index in table.indexes))
        for name, table in Base.metadata.tables.items()
    ]
    return hashlib.sha256(Path(__file__).read_bytes() + repr(sorted(schema)).encode()).hexdigest()


@contextmanager
def _served(home: Path, postgresql: bool) -> Iterator[Flask]:
    with _server(home) if postgresql else contextlib.nullcontext("") as url:
        os.environ.pop("SOFTHSM2_CONF", None)
        settings = Settings(home=home, database_url=url)
        secret = settings.below_home(settings.secret_key_file)
        if not secret.exists():
            hold_ceremony(settings, NOW - timedelta(days=366 * _YEARS_BACK))
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_hex(32))
        app = create_rooms(settings, StandingClock())
        with app.app_context():
            Base.metadata.create_all(db.engine)
            yield app
            db.session.remove()
            db.engine.dispose()
        app.extensions["signer"].hsm.close()


@contextmanager
def _server(home: Path) -> Iterator[str]:
    """The address of the cluster kept in the folder, running on a Unix socket."""
    data, port = home / "pg", 54100
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    sockets = Path(tempfile.mkdtemp(prefix="signer-pg-"))  # short: a socket's path has 107 bytes
    as_postgres: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(sockets, "postgres", "postgres")
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*words: str) -> None:
        subprocess.run([*as_postgres, *words], check=True, stdout=subprocess.DEVNULL)

    is_new = not data.exists()
    if is_new:
        data.mkdir(mode=0o700)
        if as_postgres:
            shutil.chown(data, "postgres", "postgres")
        run(str(tools / "initdb"), "-D", str(data), "-U", "signer", "-E", "UTF8", "--auth=trust")
    # What any installation for a city sets: a share of the memory, and what a solid disk costs.
    options = (
        f"-k {sockets} -c listen_addresses='' -p {port} -c shared_buffers=2GB -c work_mem=64MB "
        "-c maintenance_work_mem=1GB -c max_wal_size=8GB -c random_page_cost=1.1 "
        "-c effective_cache_size=8GB"
    )
    ctl = str(tools / "pg_ctl")
    run(ctl, "-D", str(data), "-o", options, "-l", str(sockets / "log"), "-w", "start")
    url = f"postgresql+psycopg://signer@/{{name}}?host={sockets}&port={port}"
    try:
        if is_new:
            admin = create_engine(url.format(name="postgres"), isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.execute(text("CREATE DATABASE signer"))
            admin.dispose()
        yield url.format(name="signer")
    finally:
        run(ctl, "-D", str(data), "-m", "fast", "-w", "stop")
        shutil.rmtree(sockets)


# Loading

_FILLED = {
    "person": "id code full_name search_key sort_key birth_date id_number id_number_kind sex kind "
    "unit_id unit_path title email mobile state state_since signing_roles created_at updated_at",
    "person_period": "person_id unit_id unit_path state counted kind is_leader is_one_stop "
    "valid_from valid_to",
    "person_word": "word sort_key person_id folded",
    "name_word": "word persons",
    "certificate_request": "id kind state reason unit_id unit_path requester_id requested_by "
    "requested_at persons",
    "decision": "request_id requester_id approver_id decided_by decided_at outcome note",
    "request_item": "id request_id person_id state",
    "certificate": "id serial_hex intent state profile subject_cn subject_email spki_sha256 shard "
    "predecessor_id not_before not_after reserved_at issued_at revoked_at revocation_reason",
    "signing_key": "id person_id request_item_id generation state kek public_key_der "
    "certificate_id created_at",
    "signature": "intent state signing_key_id person_id input_sha256 output_sha256 page begun_at "
    "signed_at",
}
"""The tables that are filled in bulk, with the columns that are."""

Put = Callable[[str, Iterable[Sequence[Any]]], None]


@contextmanager
def _bulk() -> Iterator[Put]:
    """Stores rows of any table of `_FILLED` as fast as the database takes them.

    Indexes and foreign keys are away meanwhile; the values are ours and agree.
    """
    tables: list[Table] = [Base.metadata.tables[name] for name in _FILLED]
    indexes = [index for table in tables for index in table.indexes]
    for index in indexes:
        index.drop(db.engine)
    database, is_sqlite = db.engine.url.database or "", db.engine.dialect.name == "sqlite"
    connect = _sqlite(database) if is_sqlite else _postgresql()
    with connect as put:
        yield put
    with db.engine.begin() as connection:
        for index in indexes:
            index.create(connection)
        if not is_sqlite:
            for name in _FILLED:
                if "id" in Base.metadata.tables[name].c:
                    serial = f"pg_get_serial_sequence('{name}', 'id')"
                    last = f"(SELECT coalesce(max(id), 0) + 1 FROM {name})"
                    connection.execute(text(f"SELECT setval({serial}, {last}, false)"))
    if not is_sqlite:  # as autovacuum does by itself some minutes later
        db.session.rollback()  # an older snapshot would keep rows from being seen as settled
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


@contextmanager
def _sqlite(database: str) -> Iterator[Put]:
    db.session.remove()
    db.engine.dispose()  # the journal can be switched off only by who is alone
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = OFF",
            "synchronous = OFF",
            "cache_size = -2000000",
            "foreign_keys = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")

        def put(table: str, rows: Iterable[Sequence[Any]]) -> None:
            columns = _FILLED[table].split()
            marks = ", ".join("?" * len(columns))
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            connection.executemany(statement, rows)

        yield put
        connection.execute("COMMIT")


@contextmanager
def _postgresql() -> Iterator[Put]:
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        connection.execute("SET session_replication_role = replica")  # no foreign keys are asked
        connection.execute("SET timezone = 'UTC'")

        def put(table: str, rows: Iterable[Sequence[Any]]) -> None:
            columns = ", ".join(_FILLED[table].split())
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,  # type: ignore[arg-type]  # our own names
            ):
                lines = ("\t".join("\\N" if v is None else str(v) for v in row) for row in rows)
                while piece := "\n".join(itertools.islice(lines, 5_000)):
                    copy.write(f"{piece}\n")

        yield put


def _fill(app: Flask, persons: int, units: int, certificates: int) -> None:
    rooms: Services = app.extensions["signer"]
    rooms.inventory.load_units()
    accounts = [
        rooms.accounts.create(SYSTEM, name=name, role=role, scope_path="").id
        for name, role in (("hr", Role.HR), ("head", Role.APPROVER))
    ]
    places = _places(rooms, units)
    city = rooms.inventory.unit_of("HN")
    histories = Histories(certificates // persons, accounts, (city.id, city.path))
    with _bulk() as put:
        words: list[tuple[str, str, int, str]] = []
        for first in range(1, persons + 1, _AT_ONCE):
            chunk = _people(range(first, min(first + _AT_ONCE, persons + 1)), places, histories)
            put("person", (one.row() for one in chunk))
            put("person_period", (row for one in chunk for row in one.periods()))
            histories.put(put, chunk)
            words += [
                (word, one.name.sort_key, one.id, one.name.folded)
                for one in chunk
                for word in one.name.words
            ]
        words.sort()  # in the order of the index: nothing is written twice
        put("person_word", words)
        put("name_word", Counter(word for word, *_ in words).items())
        histories.finish(put)
    db.session.rollback()  # what follows sees all of it


# Units


@dataclass(frozen=True, kw_only=True)
class Place:
    """A unit that people work in, and the district they worked in before the reform."""

    id: int
    path: str
    district: tuple[int, str] | None


def _places(rooms: Services, units: int) -> list[Place]:
    """Every unit of today; divisions are added until the city has so many units in all."""
    known = list(db.session.scalars(select(OrgUnit).order_by(OrgUnit.path)))
    bodies = [unit for unit in known if unit.valid_to is None and unit.parent_id is not None]
    for number in range(units - len(known)):
        above, round_ = bodies[number % len(bodies)], number // len(bodies)
        name = f"{_DIVISIONS[round_ % len(_DIVISIONS)]} {above.name}"
        rooms.inventory.add_unit(
            f"{above.code}-{round_ + 1}", name, UnitKind.DIVISION, above.code, above.valid_from
        )
    districts = [(unit.id, unit.path) for unit in known if unit.kind == UnitKind.DISTRICT]
    communes = (UnitKind.WARD, UnitKind.COMMUNE)
    before = {
        unit.path: districts[place % len(districts)]
        for place, unit in enumerate(unit for unit in bodies if unit.kind in communes)
    }
    rows = db.session.execute(
        select(OrgUnit.id, OrgUnit.path).where(OrgUnit.valid_to.is_(None)).order_by(OrgUnit.path)
    )
    return [Place(id=id_, path=path, district=before.get(path[:10])) for id_, path in rows]


_DIVISIONS = ("Văn phòng", "Phòng Văn hóa - Xã hội", "Phòng Kinh tế", "Trung tâm phục vụ", "Đội")


# People


class Name:
    """A full name with all that is derived from it, worked out once for its many bearers."""

    __slots__ = ("folded", "full", "search_key", "slug", "sort_key", "words")

    def __init__(self, full: str) -> None:
        """`full` is in the stored form."""
        self.full = full
        self.search_key = fold(full)
        self.sort_key = sort_key(full)
        self.folded = folded_name(full)
        self.words = tuple(set(self.folded.split()))
        *before, given = self.search_key.split()
        self.slug = given + "".join(word[0] for word in before)


@dataclass(frozen=True, kw_only=True, slots=True)
class Invented:
    """One person of the city."""

    id: int
    name: Name
    place: Place
    kind: PersonKind
    roles: str | None
    state: PersonState
    joined: str
    state_since: str
    birth: str

    @property
    def email(self) -> str:
        """The official address."""
        return f"{self.name.slug}{self.id}@hanoi.gov.vn"

    def row(self) -> tuple[Any, ...]:
        """The columns of `person`."""
        name, at = self.name, f"{self.joined} 02:00:00.000000"
        return (
            *(self.id, f"CB{self.id:07d}", name.full, name.search_key, name.sort_key, self.birth),
            *(f"001{self.id:09d}", "personal", "female" if " Thị " in name.full else "male"),
            *(self.kind.value, self.place.id, self.place.path, "Chuyên viên", self.email),
            *(f"09{self.id:08d}", self.state.value, self.state_since, self.roles, at, at),
        )

    def periods(self) -> Iterator[tuple[Any, ...]]:
        """The rows of `person_period`, oldest first."""
        working, place = PersonState.WORKING, (self.place.id, self.place.path)
        steps = [(self.joined, self.place.district or place, working)]
        if self.place.district:
            steps.append((REFORM.isoformat(), place, working))
        if self.state is not working:
            steps.append((self.state_since, place, self.state))
        roles = self.roles or ""
        facts = self.kind.value, int("leader" in roles), int("one_stop" in roles)
        ends = [_day_before(since) for since, _, _ in steps[1:]]
        for (since, (unit_id, path), state), until in zip(steps, [*ends, None], strict=True):
            counted = int(STATE_RULES[state].counted)
            yield (self.id, unit_id, path, state.value, counted, *facts, since, until)


def _people(ids: range, places: Sequence[Place], histories: "Histories") -> list[Invented]:
    """The people of these ids; the same ones each time."""
    chance = random.Random(_SEED + ids.start)
    count = len(ids)
    sizes = [1 / (1 + rank % 97) for rank in range(len(places))]
    family = chance.choices(*_FAMILIES, k=count)
    middle = chance.choices(*_MIDDLES, k=count)
    given = chance.choices(_GIVEN, [1 / (3 + rank) for rank in range(len(_GIVEN))], k=count)
    second = chance.choices(["", *_GIVEN], [6 * len(_GIVEN), *[1] * len(_GIVEN)], k=count)
    where = chance.choices(places, sizes, k=count)
    kinds = chance.choices(list(PersonKind), (3, 22, 70, 5), k=count)
    roles = chance.choices(*_ROLES, k=count)
    states = chance.choices(*_STATES, k=count)
    return [
        Invented(
            id=ids[n],
            name=_name(" ".join(filter(None, (family[n], middle[n], second[n], given[n])))),
            place=where[n],
            kind=kinds[n],
            roles=roles[n] or None,
            state=PersonState(states[n]),
            joined=_day(histories.begins(ids[n]) - 30),
            state_since=_day(
                histories.begins(ids[n]) - 30
                if states[n] == PersonState.WORKING
                else -chance.randrange(500)
            ),
            birth=_day(-chance.randrange(9_000, 22_000)),
        )
        for n in range(count)
    ]


def _shares(words: str) -> tuple[list[str], list[float]]:
    """Values and how common they are, from "value share" lines; "-" is none."""
    pairs = [word.split(":") for word in words.split()]
    return [value.strip("-") for value, _ in pairs], [float(share) for _, share in pairs]


_name = cache(Name)

_FAMILIES = _shares(
    "Nguyễn:38 Trần:11 Lê:9.5 Phạm:7 Hoàng:5 Phan:4.5 Vũ:3.9 Đặng:2.1 Bùi:2 Đỗ:1.9 Hồ:1.3 Ngô:1.3 "
    "Dương:1 Lý:.5 Đinh:1 Trịnh:.9 Đào:.8 Mai:.7 Lương:.7 Tạ:.5 Chu:.4 Cao:.5 Nghiêm:.2 Quách:.2 "
    "Phùng:.4 Kiều:.2 Từ:.1 Âu:.02 Ông:.01"
)
"""The share of each family name in the country, in per cent and roughly."""
_MIDDLES = _shares(
    "Thị:26 Văn:15 Đức:4 Hữu:3 Ngọc:5 Minh:5 Thanh:5 Thu:3 Quang:4 Xuân:3 Hồng:3 Phương:2 Thùy:2 "
    "Bích:1 Anh:2 Công:1 Quốc:1.5 Tuấn:1 Hoàng:1.5 Trần:.4 Phạm:.2 Bá:.5 Kim:1 Gia:.6 Khánh:.8 "
    "Diệu:.3 Mỹ:.5 Tiến:.6 Trọng:.5 -:5"
)
_GIVEN_NAMES = """\
Anh Hương Linh Hà Hùng Dũng Hoa Lan Mai Minh Nam Hải Long Thủy Trang Tuấn Sơn Thảo Hằng Hạnh
Phương Quang Thanh Tùng Yến Bình Chi Cường Đạt Đức Giang Hiền Hiếu Hòa Hoàng Hồng Huệ Huy
Huyền Khánh Kiên Lâm Liên Loan Ly Mạnh My Nga Ngân Ngọc Nhung Oanh Phong Phúc Phượng Quân
Quyên Quỳnh Tâm Tân Thành Thắng Thịnh Thơm Thu Thúy Tiến Toàn Trâm Trung Trường Tú Vân Việt
Vinh Xuân Ánh Ân Bảo Bắc Bích Châu Công Cúc Diễm Diệp Dung Duy Dương Đào Đăng Điệp Đông Hậu
Hoài Hợp Hưng Hường Khang Khoa Kỳ Lệ Lợi Lộc Luân Lực Lương Mẫn Mỹ Năm Nghĩa Nguyên Nguyệt
Nhàn Nhân Nhi Như Phú Phước Quý Sáng Tài Thái Thạch Thiện Thoa Thư Thương Tín Tình Trí Trinh
Trúc Tuyết Tuyên Ước Văn Vũ Vương Vỹ Uyên Ý Yên Đỗ Chiến Chung Tỷ Thuận Thêm Xoan Xuyến Ngà"""
_GIVEN = tuple(_GIVEN_NAMES.split())
"""The commoner ones first."""
_ROLES = _shares("specialist:60 -:26 leader:8 one_stop:4 clerk:2")
_STATES = _shares(
    "working:93 maternity_leave:1.5 retired:3 seconded:.5 transferred:1 resigned:.9 suspended:.05 "
    "deceased:.05"
)


# Certificates


class Histories:
    """Keys, certificates, requests and signatures of each person, year after year.

    Of twenty people thirteen always had a certificate; two lost the newest by revocation; one had
    a gap, one a revoked one in between; one holds two at a time, and one's ran out two years ago.
    One has none, and every second of those waits in a request. A key serves for two certificates.
    """

    def __init__(self, per_person: int, accounts: Sequence[int], city: tuple[int, str]) -> None:
        """`accounts`: who asks and who decides; `city`: id and path of the uppermost unit."""
        self._years = per_person
        self._requester, self._approver = accounts
        self._city = city
        self._ids = {name: itertools.count(1) for name in ("certificate", "key", "item")}
        self._requests: dict[tuple[int, int], list[int]] = {}  # id, persons

    def begins(self, person_id: int) -> int:
        """The day, counted from that of `NOW`, on which the person's first certificate begins."""
        years = self._years + 2 * (person_id % 20 == 17)
        return person_id * 7919 % 365 - 365 * years

    def put(self, put: Put, people: Sequence[Invented]) -> None:
        """Stores everything of these people but the requests themselves."""
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _OF_PERSON}
        for one in people:
            kind = one.id % 20
            for chain in range(0 if kind == 19 else 2 if kind == 18 else 1):
                self._chain(one, kind, chain, rows)
            if one.id % 40 == 39:
                item = self._item(one, -1)
                rows["request_item"].append((*item, one.id, "open"))
        for name in _OF_PERSON:
            put(name, rows[name])

    def _chain(
        self, one: Invented, kind: int, chain: int, rows: dict[str, list[tuple[Any, ...]]]
    ) -> None:
        first = self.begins(one.id) + 40 * chain
        last = self._years - 1
        for year in range(self._years):
            certificate = next(self._ids["certificate"])
            if year % 2 == 0:
                key, item = next(self._ids["key"]), self._item(one, year)
                rows["request_item"].append((*item, one.id, "issued"))
                predecessor = None
            else:
                predecessor = certificate - 1
            spki = f"{key * _SPREAD % 2**64:016x}" * 4
            gap = 60 * (kind == 15 and year == last // 2)
            begins = first + 365 * year + gap
            is_revoked = (kind in (13, 14) and year == last) or (kind == 16 and year == last // 2)
            revoked = _day(min(begins + 120, -1)) if is_revoked else None
            issued = f"{_day(begins)} 01:00:00.000000"
            rows["certificate"].append(
                (
                    *(certificate, f"5{certificate:09x}{certificate * _SPREAD % 2**120:030x}"),
                    *(f"signing-key-{key:09d}-{year % 2}", "revoked" if revoked else "issued"),
                    *("personal-signature", one.name.full, one.email, spki, certificate % 128),
                    *(predecessor, issued, f"{_day(first + 365 * year + 365)} 00:59:59.000000"),
                    *(issued, issued, f"{revoked} 03:00:00.000000" if revoked else None),
                    "affiliation_changed" if revoked else None,
                )
            )
            if year % 2 == 1 or year == last:
                is_current = year == last and chain == 0 and not is_revoked
                state = ("ready" if one.id % 11 == 0 else "active") if is_current else "retired"
                rows["signing_key"].append(
                    (key, one.id, item[0], 1, state, "kek", "", certificate, issued)
                )
        if one.id % 3 and chain == 0:  # a third never signed
            at = f"{_day(-(one.id % 300))} 04:00:00.000000"
            intent = f"bench-{one.id:09d}"
            rows["signature"].append((intent, "done", key, one.id, spki, spki, 1, at, at))

    def _item(self, one: Invented, year: int) -> tuple[int, int]:
        """(id, request) of an item for that person's key of that year; -1 is a waiting one."""
        of = year, one.id // _PER_REQUEST
        request = self._requests.setdefault(of, [len(self._requests) + 1, 0])
        request[1] += 1
        return next(self._ids["item"]), request[0]

    def finish(self, put: Put) -> None:
        """Stores the requests, each for some thousands of people, and the decisions on them."""
        requests, decisions = [], []
        for (year, _), (id_, persons) in self._requests.items():
            is_open = year < 0
            at = f"{_day(-10 if is_open else 365 * (year - self._years) - 5)} 02:00:00.000000"
            kind = "issue" if year <= 0 else "rekey"
            state = "pending" if is_open else "approved"
            asked = (*self._city, self._requester, "hr", at, persons)
            requests.append((id_, kind, state, "Cấp chứng thư", *asked))
            if not is_open:
                who = self._requester, self._approver, "head"
                decisions.append((id_, *who, at, "approved", ""))
        put("certificate_request", requests)
        put("decision", decisions)


_OF_PERSON = ("request_item", "certificate", "signing_key", "signature")
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""An odd number, so that products modulo a power of two are all different (Knuth's hashing)."""


@cache
def _day(offset: int) -> str:
    return (NOW.date() + timedelta(days=offset)).isoformat()


@cache
def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
