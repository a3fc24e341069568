"""Fills a new installation with the demo city, through the same services as real work."""

import secrets
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

from signer.accounts import SYSTEM, Actor, Role
from signer.cli.console import _, progress, say
from signer.cli.demo import HISTORY_DAYS, EarlierClock, Login, write_logins
from signer.cli.demo.papers import CASES, Case, Office, pdf_of
from signer.cli.demo.people import SEED, Invented, invented_people, roster_csv
from signer.cli.demo.seal import give_seal, hand_to_seal
from signer.cli.demo.sprint import make_sprint
from signer.errors import N_
from signer.issuance.grounds import Act, Ground
from signer.services import Services

OFFICES = {"00004": "badinh", "00577": "battrang", "SNV": "snv", "STC": "stc"}
"""Whose papers the demo invents, and how their log-ins end; people sign in at the first of them."""
_FIRST = "00004"
_REASON = "Cấp chữ ký số cá nhân cho cán bộ, công chức, viên chức theo kế hoạch năm"
_REJECTED = "Danh sách có người đang làm thủ tục chuyển công tác; đề nghị rà soát lại."
_COMPLETE_UNITS = (1, 14)
_PENDING_UNITS, _PENDING_PEOPLE = 6, 7
_WAITED_DAYS = 3
"""So long ago the last certificates were issued, and the pending requests made."""
_STATES = ("Nghỉ hưu", "Nghỉ hưu", "Thôi việc", "Tạm đình chỉ công tác")
_ACTIVATED_BESIDES = 40
"""So many more people have set their PIN already; the others have a key that waits for it."""
_STAFF = (
    ("canbo", Role.HR, "", "Cán bộ đầu mối thành phố", N_("cán bộ đầu mối, toàn thành phố")),
    ("canbo.badinh", Role.HR, _FIRST, "Cán bộ đầu mối", N_("cán bộ đầu mối của phường")),
    ("nguoiduyet", Role.APPROVER, "", "Người duyệt", N_("người duyệt đề nghị")),
    ("kiemtra", Role.AUDITOR, "", "Kiểm tra", N_("kiểm tra, xem báo cáo và nhật ký")),
    ("admin", Role.ADMIN, "", "Quản trị", N_("quản trị hệ thống")),
)


def make_city(rooms: Services, clock: EarlierClock) -> None:
    """About 1,500 people of forty units, 60 % with certificates, and twenty dossiers.

    The installation must be new, and `clock` the one its rooms go by: it comes to the present.
    Log-ins are written to the home for `scripts/run` to show.
    """
    city = _City(rooms, clock)
    say(_("Nạp danh sách %(count)d người"), count=len(city.people), err=True)
    city.bring(city.people, {})
    for staff in _STAFF:
        city.open_account(*staff)
    say(_("Cấp chứng thư chữ ký số qua HSM"), err=True)
    covered = city.certify()
    clock.come_to(0)
    rooms.authority.refresh_crl()
    say(_("Lập và ký hồ sơ"), err=True)
    offices = [city.office(code) for code in OFFICES]
    for office in offices:
        city.activate_heads(office)
    others = [person for person in covered if person.code not in city.pins]
    for person in city.random.sample(others, _ACTIVATED_BESIDES):
        found = rooms.inventory.person_of(SYSTEM, person.code)
        rooms.signing.activate_person(found, secrets.token_hex(8), "system")  # nobody knows it
    with progress(len(offices) * len(CASES), _("Đang ký")) as advance:
        for office in offices:
            for case in CASES:
                city.make_dossier(office, case)
                advance(1)
    city.seal_for(offices[0])
    say(_("Ghi nhận thay đổi về nhân sự"), err=True)
    movable = [person for person in others if person.code not in city.pins]
    city.change([person for person in movable if person.unit_code == _FIRST])
    say(_("Mở chiến dịch 60 ngày"), err=True)
    officers = {office.unit_code: office.office_head.code for office in offices}
    make_sprint(rooms, rooms.accounts.actor_of("admin"), city.hr, officers)
    write_logins(rooms.settings.home, city.logins)


class _City:
    """The demo in the making: its people, and the accounts that act for it."""

    def __init__(self, rooms: Services, clock: EarlierClock) -> None:
        self._rooms = rooms
        self._clock = clock
        self._names = {unit.code: unit.name for unit in rooms.inventory.units()}
        self.random = Random(SEED)  # noqa: S311  # who is covered, not secrets
        self.people = invented_people()
        self.logins: list[Login] = []
        self.pins: dict[str, tuple[Actor, str]] = {}
        """Who can sign, by staff code."""

    @property
    def hr(self) -> Actor:
        return self._rooms.accounts.actor_of("canbo")

    @property
    def _approver(self) -> Actor:
        return self._rooms.accounts.actor_of("nguoiduyet")

    def bring(self, people: Sequence[Invented], states: dict[str, str]) -> None:
        """The people stand in the inventory, by way of a roster."""
        inventory = self._rooms.inventory
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "danh_sach_mau.csv"
            file.write_bytes(roster_csv(people, self._names, states))
            checked = inventory.rosters.dry_run(SYSTEM, file, file.name)
        if checked.plan.errors:
            raise RuntimeError(f"the demo's own roster has errors: {checked.plan.errors[0]}")
        job_id = inventory.rosters.start(SYSTEM, checked.import_id)
        self._rooms.jobs.run(self._rooms.job_handlers, job_id=job_id)

    def open_account(
        self, name: str, role: Role, unit: str, holder: str, purpose: str, **values: str
    ) -> int:
        """An account with a password of its own; one with a purpose is shown at every start."""
        made = self._rooms.accounts.create(
            SYSTEM,
            name=name,
            role=role,
            scope_path=self._rooms.inventory.unit_of(unit).path if unit else "",
            display_name=holder,
            one_time=False,
        )
        if purpose:
            said = {"name": holder, **values}
            login = Login(name=name, password=made.password, purpose=purpose, values=said)
            self.logins.append(login)
        return made.id

    def certify(self) -> list[Invented]:
        """Those who are certified: requests of one unit after the other, approved and worked off
        within two months; some are left pending for some days, one was rejected, and names that
        are too long for a certificate made some fail."""
        rooms = self._rooms
        covered, pending, rejected = self._shares()
        failing = [person for person in self.people if len(person.full_name) > 64]
        groups = [*covered, failing]
        with progress(sum(map(len, groups)), _("Đang cấp")) as advance:
            for number, group in enumerate(groups, start=1):
                # Slowly at first and faster toward the end, as such things go.
                to_go = 1 - (number / len(groups)) ** 0.7
                self._clock.come_to(_WAITED_DAYS + round((HISTORY_DAYS - _WAITED_DAYS) * to_go))
                rooms.issuance.approve(self._approver, self._ask_for(group))
                rooms.jobs.run(rooms.job_handlers, on_progress=advance)
        for group in pending:
            self._ask_for(group)
        rooms.issuance.reject(self._approver, self._ask_for(rejected), _REJECTED)
        rooms.authority.publish_crl()
        return [person for group in covered for person in group]

    def _shares(self) -> tuple[list[list[Invented]], list[list[Invented]], list[Invented]]:
        """Unit by unit: who is covered, who waits, and those of one unit who were rejected."""
        by_unit: dict[str, list[Invented]] = defaultdict(list)
        for person in self.people:
            if person.email and len(person.full_name) <= 64:
                by_unit[person.unit_code].append(person)
        covered, left = [], []
        for number, members in enumerate(by_unit.values()):
            share = 1.0 if number in _COMPLETE_UNITS else self.random.uniform(0.37, 0.79)
            heads, others = members[:5], members[5:]  # whoever leads was certified first
            self.random.shuffle(others)
            ordered, count = [*heads, *others], round(share * len(members))
            covered.append(ordered[:count])
            if len(members) - count > _PENDING_PEOPLE:
                left.append(ordered[count:][:_PENDING_PEOPLE])
        return covered, left[:_PENDING_UNITS], left[_PENDING_UNITS]

    def _ask_for(self, people: Sequence[Invented]) -> int:
        codes = [person.code for person in people]
        made = self._rooms.issuance.create(self.hr, person_codes=codes, reason=_REASON)
        if made.id is None or made.refused:
            raise RuntimeError(f"the demo's own request was refused: {made.refused[:3]}")
        return made.id

    def office(self, code: str) -> Office:
        """The unit with its head and the head of its office."""
        head, *others = [person for person in self.people if person.unit_code == code]
        titles = ("Chánh Văn phòng", "Trưởng phòng")
        office_head = next(person for person in others if person.title in titles)
        return Office(
            unit_code=code, unit_name=self._names[code], head=head, office_head=office_head
        )

    def activate_heads(self, office: Office) -> None:
        """Both heads can sign; log-ins of the first office are shown, of a newcomer there too."""
        head_word = "giamdoc" if office.is_department else "chutich"
        is_shown = office.unit_code == _FIRST
        for person, word in ((office.head, head_word), (office.office_head, "vanphong")):
            pin = f"{secrets.randbelow(10**6):06d}"
            purpose = N_("người ký: %(name)s, mã PIN %(pin)s") if is_shown else ""
            actor = self._signer(person, word, purpose, pin=pin)
            self._rooms.signing.activate(actor, pin)
            self.pins[person.code] = actor, pin
        if is_shown:
            newcomer = next(
                person
                for person in self.people
                if person.unit_code == _FIRST and person.title == "Phó Chủ tịch"
            )
            purpose = N_("người ký mới: %(name)s, chưa đặt mã PIN")
            self.pins[newcomer.code] = self._signer(newcomer, "phochutich", purpose), ""

    def seal_for(self, office: Office) -> None:
        """The office has a seal, kept by its records clerk; one document waits for it."""
        keeper = next(
            person
            for person in self.people
            if (person.unit_code, person.title) == (office.unit_code, "Văn thư")
        )
        pin = f"{secrets.randbelow(10**6):06d}"
        purpose = N_("văn thư giữ con dấu số: %(name)s, mã PIN của con dấu %(pin)s")
        actor = self._signer(keeper, "vanthu", purpose, pin=pin)
        self.pins[keeper.code] = actor, pin
        give_seal(self._rooms, self.hr, self._approver, actor, keeper, pin)
        hand_to_seal(self._rooms, self.hr, office.unit_code)

    def _signer(self, person: Invented, word: str, purpose: str, **values: str) -> Actor:
        rooms, name = self._rooms, f"{word}.{OFFICES[person.unit_code]}"
        account_id = self.open_account(
            name, Role.SIGNER, person.unit_code, person.full_name, purpose, **values
        )
        found = rooms.inventory.person_of(SYSTEM, person.code)
        rooms.inventory.link_account(SYSTEM, found.id, account_id)
        return rooms.accounts.actor_of(name)

    def make_dossier(self, office: Office, case: Case) -> None:
        """The case's paper, in a dossier that has come as far as the case says."""
        dossiers, today = self._rooms.dossiers, self._clock.today()
        turn = [office.office_head, office.head] if case.both else [office.head]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "van_ban.pdf"
            file.write_bytes(pdf_of(case, office, today))
            dossier_id = dossiers.create(
                self.hr,
                title=case.title,
                unit_code=office.unit_code,
                due_on=today + timedelta(days=case.days_to_go),
                files=[(f"{case.title}.pdf", file)],
                signers=[person.code for person in turn],
            )
        (document,) = dossiers.dossier_of(self.hr, dossier_id).documents
        if case.return_reason:
            actor, _pin = self.pins[turn[0].code]
            dossiers.send_back(actor, document.id, case.return_reason)
        for person in turn[: case.signatures]:
            actor, pin = self.pins[person.code]
            shown = dossiers.document_of(actor, document.id).sha256
            place = self._rooms.signing.propose(actor, shown)
            dossiers.note_shown(actor, document.id, shown)
            dossiers.sign(
                actor, document.id, pin=pin, page=place.page, box=place.box, shown_sha256=shown
            )

    def change(self, people: Sequence[Invented]) -> None:
        """Some of the people left or moved, so that their certificates wait for a word; two other
        certificates were ended and held by a clerk."""
        revoking = self._rooms.issuance.revoking
        lost, exposed, moved, *rest = people[-len(_STATES) - 3 :]
        states = dict(zip((person.code for person in rest), _STATES, strict=True))
        self.bring([replace(moved, email=moved.email.replace("@", ".2@")), *rest], states)
        for act, person, ground in (
            (Act.REVOKE, lost, Ground.DEVICE_LOST),
            (Act.SUSPEND, exposed, Ground.KEY_EXPOSED),
        ):
            revoking.order(
                self.hr, act=act, person_codes=[person.code], ground=ground, document_ref=""
            )
        revoking.sweep()
        self._rooms.authority.refresh_crl()
