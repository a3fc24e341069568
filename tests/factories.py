"""Makers of good things; a test spoils one field."""

import csv
from collections.abc import Sequence
from pathlib import Path

from signer.accounts import SYSTEM, Actor, Role
from signer.inventory.models import Person
from signer.services import Services

HEADINGS = (
    "STT",
    "Mã CB",
    "Họ và tên",
    "Ngày sinh",
    "Giới tính",
    "Số CCCD",
    "Loại",
    "Đơn vị",
    "Chức vụ",
    "Thư điện tử công vụ",
    "Số điện thoại di động",
)
FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Đỗ", "Vũ", "Đặng")
GIVEN = ("Ánh", "Bình", "Chi", "Dũng", "Đạt", "Hà", "Hương", "Khánh", "Linh", "Minh")
WARD = "00004"
OTHER_WARD = "00008"


class City:
    """A small city on the real services: units of Hanoi, people, accounts."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self._folder = folder
        self._people = 0
        services.inventory.load_units()

    def people(self, count: int, *, unit: str = WARD, email: bool = True) -> list[Person]:
        """That many new people of the unit, through the roster import."""
        numbers = range(self._people + 1, self._people + count + 1)
        self._people += count
        rows = [self._row(number, unit, email) for number in numbers]
        self.import_rows(rows)
        return [self.services.inventory.person_of(SYSTEM, f"T{number:05d}") for number in numbers]

    def import_rows(self, rows: Sequence[Sequence[str]]) -> None:
        """The rows are imported as a CSV roster with the usual headings."""
        file = self._folder / f"roster-{self._people}.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(HEADINGS)
            writer.writerows(rows)
        checked = self.services.inventory.rosters.dry_run(SYSTEM, file, file.name)
        assert not checked.plan.errors, checked.plan.errors
        job_id = self.services.inventory.rosters.start(SYSTEM, checked.import_id)
        self.services.jobs.run(self.services.job_handlers, job_id=job_id)

    def actor(self, name: str, role: Role, unit: str | None = WARD) -> Actor:
        """An account with the role over the unit (None: the city), as the actor it is."""
        path = self.services.inventory.unit_of(unit).path if unit else ""
        self.services.accounts.create(SYSTEM, name=name, role=role, scope_path=path, one_time=False)
        return self.services.accounts.actor_of(name)

    def account(self, name: str, role: Role, unit: str | None = WARD) -> tuple[str, str]:
        """(name, password) of a new account with the role over the unit."""
        path = self.services.inventory.unit_of(unit).path if unit else ""
        made = self.services.accounts.create(
            SYSTEM, name=name, role=role, scope_path=path, one_time=False
        )
        return made.name, made.password

    def signer_of(self, person: Person) -> Actor:
        """The account of this person, made and linked."""
        actor = self.actor(person.code.lower(), Role.SIGNER, None)
        assert actor.account_id is not None
        self.services.inventory.link_account(SYSTEM, person.id, actor.account_id)
        return self.services.accounts.actor_of(person.code.lower())

    def certified(self, count: int, *, unit: str = WARD) -> list[Person]:
        """That many new people of the unit, each with a certificate."""
        people = self.people(count, unit=unit)
        self.issue(people)
        return people

    def issue(self, people: Sequence[Person]) -> None:
        """Each of these people has a certificate, by request, approval and job."""
        stem = f"{people[0].code.lower()}-{len(people)}"
        clerk = self.actor(f"hr-{stem}", Role.HR, None)
        head = self.actor(f"head-{stem}", Role.APPROVER, None)
        made = self.services.issuance.create(
            clerk, person_codes=[person.code for person in people], reason="Cấp lần đầu"
        )
        assert made.id is not None, made.refused
        self.services.issuance.approve(head, made.id)
        self.services.jobs.run(self.services.job_handlers)

    def _row(self, number: int, unit: str, email: bool) -> tuple[str, ...]:
        family, given = FAMILY[number % len(FAMILY)], GIVEN[number % len(GIVEN)]
        return (
            str(number),
            f"T{number:05d}",
            f"{family} Thị {given}",
            "15/03/1985",
            "Nữ",
            f"001185{number:06d}",
            "Công chức",
            self.services.inventory.unit_of(unit).name,
            "Chuyên viên",
            f"t{number}@hanoi.gov.vn" if email else "",
            f"09{number:08d}",
        )
