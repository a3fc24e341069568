"""Fills a new installation with the demo city, through the same services as real work."""

import secrets
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import click

from signer.accounts import SYSTEM, Actor, Role
from signer.cli.console import _, progress
from signer.cli.demo.cases import COMMUNE_CASES, DEPARTMENT_CASES, Case, Office, Outcome, paper_of
from signer.cli.demo.days import HISTORY_DAYS, EarlierClock
from signer.cli.demo.logins import Login, write_logins
from signer.cli.demo.papers import paper_pdf
from signer.cli.demo.people import SEED, Invented, invented_people, roster_csv
from signer.cli.demo.sprint import make_sprint
from signer.errors import N_
from signer.issuance.grounds import Act, Ground
from signer.services import Services

OFFICES = ("00004", "00577", "SNV", "STC")
"""Whose papers the demo invents; people sign in at the first of them."""
_REASON = "Cấp chữ ký số cá nhân cho cán bộ, công chức, viên chức theo kế hoạch năm"
_REJECTED = "Danh sách có người đang làm thủ tục chuyển công tác; đề nghị rà soát lại."
_COMPLETE_UNITS = (1, 14)
_PENDING_UNITS, _PENDING_PEOPLE = 6, 7
_WAITED_DAYS = 3
"""So long ago the last certificates were issued, and the pending requests made."""
_SHORT_NAMES = {"00004": "badinh", "00577": "battrang", "SNV": "snv", "STC": "stc"}
_STATES = ("Nghỉ hưu", "Nghỉ hưu", "Thôi việc", "Tạm đình chỉ công tác")
_ACTIVATED_BESIDES = 40
"""So many more people have set their PIN already; the others have a key that waits for it."""


@dataclass(frozen=True, kw_only=True)
class _Staff:
    """The accounts that make the demo."""

    hr: Actor
    approver: Actor


@dataclass(frozen=True, kw_only=True)
class _Signer:
    actor: Actor
    pin: str = field(repr=False)


def make_city(rooms: Services, clock: EarlierClock) -> None:
    """About 1,500 people of forty units, 60 % with certificates, and twenty dossiers.

    The installation must be new, and `clock` the one its rooms go by: it comes to the present.
    Log-ins are written to the home for `scripts/run` to show.
    """
    random = Random(SEED)  # noqa: S311  # who is covered, not secrets
    people = invented_people()
    names = {unit.code: unit.name for unit in rooms.inventory.units()}
    _say(N_("Nạp danh sách %(count)d người"), count=len(people))
    _import(rooms, roster_csv(people, names))
    staff, logins = _accounts(rooms)
    _say(N_("Cấp chứng thư chữ ký số qua HSM"))
    covered = _certify(rooms, clock, staff, people, random)
    clock.come_to(0)
    rooms.authority.refresh_crl()
    _say(N_("Lập và ký hồ sơ"))
    offices = [_office(code, names, people) for code in OFFICES]
    signers, more_logins = _signers(rooms, offices, people)
    others = [p for p in covered if p.code not in signers]
    _activate_some(rooms, others, random)
    _dossiers(rooms, staff, offices, signers)
    _say(N_("Ghi nhận thay đổi về nhân sự"))
    _changes(rooms, staff, others, names)
    _say(N_("Mở chiến dịch 60 ngày"))
    officers = {office.unit_code: office.office_head.code for office in offices}
    make_sprint(rooms, rooms.accounts.actor_of("admin"), staff.hr, officers)
    write_logins(rooms.settings.home, [*logins, *more_logins])


def _import(rooms: Services, roster: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "danh_sach_mau.csv"
        file.write_bytes(roster)
        checked = rooms.inventory.dry_run(SYSTEM, file, file.name)
    if checked.plan.errors:
        raise RuntimeError(f"the demo's own roster has errors: {checked.plan.errors[0]}")
    job_id = rooms.inventory.start(SYSTEM, checked.import_id)
    rooms.jobs.run(rooms.job_handlers, job_id=job_id)


def _changes(
    rooms: Services, staff: _Staff, covered: Sequence[Invented], names: Mapping[str, str]
) -> None:
    """Some of the first office left or moved, so that their certificates wait for a word; two
    other certificates were ended and held by a clerk."""
    people = [person for person in covered if person.post.unit_code == OFFICES[0]]
    lost, exposed, moved, *rest = people[-len(_STATES) - 3 :]
    states = dict(zip((person.code for person in rest), _STATES, strict=True))
    address = moved.email.replace("@", ".2@")
    _import(rooms, roster_csv([replace(moved, email=address), *rest], names, states=states))
    for act, person, ground in (
        (Act.REVOKE, lost, Ground.DEVICE_LOST),
        (Act.SUSPEND, exposed, Ground.KEY_EXPOSED),
    ):
        rooms.issuance.revoking.order(
            staff.hr, act=act, person_codes=[person.code], ground=ground, document_ref=""
        )
    rooms.issuance.revoking.sweep()
    rooms.authority.refresh_crl()


def _accounts(rooms: Services) -> tuple[_Staff, list[Login]]:
    wanted = (
        ("canbo", Role.HR, "", "Cán bộ đầu mối thành phố", N_("cán bộ đầu mối, toàn thành phố")),
        ("canbo.badinh", Role.HR, OFFICES[0], "Cán bộ đầu mối", N_("cán bộ đầu mối của phường")),
        ("nguoiduyet", Role.APPROVER, "", "Người duyệt", N_("người duyệt đề nghị")),
        ("kiemtra", Role.AUDITOR, "", "Kiểm tra", N_("kiểm tra, xem báo cáo và nhật ký")),
        ("admin", Role.ADMIN, "", "Quản trị", N_("quản trị hệ thống")),
    )
    logins = []
    for name, role, unit, display_name, purpose in wanted:
        made = rooms.accounts.create(
            SYSTEM,
            name=name,
            role=role,
            scope_path=rooms.inventory.unit_of(unit).path if unit else "",
            display_name=display_name,
            one_time=False,
        )
        logins.append(Login(name=name, password=made.password, purpose=purpose))
    staff = _Staff(
        hr=rooms.accounts.actor_of("canbo"), approver=rooms.accounts.actor_of("nguoiduyet")
    )
    return staff, logins


@dataclass(frozen=True, kw_only=True)
class _Shares:
    """Who stands where, unit by unit, when the demo begins.

    `failing` have names that are too long for a certificate: asked for, approved, not issued.
    """

    covered: list[list[Invented]]
    failing: list[Invented]
    pending: list[list[Invented]]
    rejected: list[Invented]


def _shares(people: Sequence[Invented], random: Random) -> _Shares:
    by_unit: dict[str, list[Invented]] = defaultdict(list)
    shares = _Shares(covered=[], failing=[], pending=[], rejected=[])
    for person in people:
        if len(person.full_name) > 64:
            shares.failing.append(person)
        elif person.email:
            by_unit[person.post.unit_code].append(person)
    for number, members in enumerate(by_unit.values()):
        share = 1.0 if number in _COMPLETE_UNITS else random.uniform(0.37, 0.79)
        heads, others = members[:5], members[5:]  # whoever leads was certified first
        random.shuffle(others)
        ordered = [*heads, *others]
        count = round(share * len(members))
        shares.covered.append(ordered[:count])
        rest = ordered[count:]
        if len(shares.pending) < _PENDING_UNITS and len(rest) > _PENDING_PEOPLE:
            shares.pending.append(rest[:_PENDING_PEOPLE])
        elif not shares.rejected and len(rest) > _PENDING_PEOPLE:
            shares.rejected.extend(rest[:_PENDING_PEOPLE])
    return shares


def _certify(
    rooms: Services,
    clock: EarlierClock,
    staff: _Staff,
    people: Sequence[Invented],
    random: Random,
) -> list[Invented]:
    """Requests of one unit after the other, approved and worked off within two months; some left
    pending for a week, some made to fail."""
    shares = _shares(people, random)
    groups = [*shares.covered, shares.failing]
    with progress(sum(map(len, groups)), _("Đang cấp")) as advance:
        for number, group in enumerate(groups, start=1):
            # Slowly at first and faster toward the end, as such things go.
            to_go = 1 - (number / len(groups)) ** 0.7
            clock.come_to(_WAITED_DAYS + round((HISTORY_DAYS - _WAITED_DAYS) * to_go))
            rooms.issuance.approve(staff.approver, _file(rooms, staff.hr, group))
            rooms.jobs.run(rooms.job_handlers, on_progress=advance)
    for group in shares.pending:
        _file(rooms, staff.hr, group)
    rejected = _file(rooms, staff.hr, shares.rejected)
    rooms.issuance.reject(staff.approver, rejected, _REJECTED)
    rooms.authority.publish_crl()
    return [person for group in shares.covered for person in group]


def _file(rooms: Services, hr: Actor, people: Sequence[Invented]) -> int:
    codes = [person.code for person in people]
    made = rooms.issuance.create(hr, person_codes=codes, reason=_REASON)
    if made.id is None or made.refused:
        raise RuntimeError(f"the demo's own request was refused: {made.refused[:3]}")
    return made.id


def _office(code: str, names: Mapping[str, str], people: Sequence[Invented]) -> Office:
    members = [person for person in people if person.post.unit_code == code]
    office_head = next(
        person
        for person in members
        if person.post.title in ("Chánh Văn phòng", "Trưởng phòng") and person is not members[0]
    )
    return Office(unit_code=code, unit_name=names[code], head=members[0], office_head=office_head)


def _signers(
    rooms: Services, offices: Sequence[Office], people: Sequence[Invented]
) -> tuple[dict[str, _Signer], list[Login]]:
    """Accounts with activated keys for those who sign; the first office's are shown."""
    signers: dict[str, _Signer] = {}
    logins = []
    for office in offices:
        head_word = "giamdoc" if office.is_department else "chutich"
        for person, word in ((office.head, head_word), (office.office_head, "vanphong")):
            name = f"{word}.{_SHORT_NAMES[office.unit_code]}"
            actor, password = _account_of(rooms, person, name, office.unit_code)
            pin = f"{secrets.randbelow(10**6):06d}"
            rooms.signing.activate(actor, pin)
            signers[person.code] = _Signer(actor=actor, pin=pin)
            if office is offices[0]:
                purpose = N_("người ký: %(name)s, mã PIN %(pin)s")
                values = {"name": person.full_name, "pin": pin}
                logins.append(Login(name=name, password=password, purpose=purpose, values=values))
    newcomer = next(
        person
        for person in people
        if person.post.unit_code == OFFICES[0] and person.post.title == "Phó Chủ tịch"
    )
    name = f"phochutich.{_SHORT_NAMES[OFFICES[0]]}"
    actor, password = _account_of(rooms, newcomer, name, OFFICES[0])
    purpose = N_("người ký mới: %(name)s, chưa đặt mã PIN")
    values = {"name": newcomer.full_name}
    logins.append(Login(name=name, password=password, purpose=purpose, values=values))
    signers[newcomer.code] = _Signer(actor=actor, pin="")
    return signers, logins


def _account_of(rooms: Services, person: Invented, name: str, unit_code: str) -> tuple[Actor, str]:
    made = rooms.accounts.create(
        SYSTEM,
        name=name,
        role=Role.SIGNER,
        scope_path=rooms.inventory.unit_of(unit_code).path,
        display_name=person.full_name,
        one_time=False,
    )
    found = rooms.inventory.person_of(SYSTEM, person.code)
    rooms.inventory.link_account(SYSTEM, found.id, made.id)
    return rooms.accounts.actor_of(name), made.password


def _activate_some(rooms: Services, people: Sequence[Invented], random: Random) -> None:
    """Some more people have set a PIN; nobody knows it, for they are invented."""
    for person in random.sample(list(people), _ACTIVATED_BESIDES):
        found = rooms.inventory.person_of(SYSTEM, person.code)
        rooms.signing.activate_person(found, secrets.token_hex(8), "system")


def _dossiers(
    rooms: Services, staff: _Staff, offices: Sequence[Office], signers: Mapping[str, _Signer]
) -> None:
    cases = [
        (office, case)
        for office in offices
        for case in (DEPARTMENT_CASES if office.is_department else COMMUNE_CASES)
    ]
    with progress(len(cases), _("Đang ký")) as advance:
        for office, case in cases:
            _dossier(rooms, staff, office, case, signers)
            advance(1)


def _dossier(
    rooms: Services,
    staff: _Staff,
    office: Office,
    case: Case,
    signers: Mapping[str, _Signer],
) -> None:
    today = rooms.clock.today()
    turn = [office.office_head, office.head] if case.both else [office.head]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "van_ban.pdf"
        file.write_bytes(paper_pdf(paper_of(case, office, today)))
        dossier_id = rooms.dossiers.create(
            staff.hr,
            title=case.title,
            unit_code=office.unit_code,
            due_on=today + timedelta(days=case.days_to_go),
            files=[(f"{case.title}.pdf", file)],
            signers=[person.code for person in turn],
        )
    (document,) = rooms.dossiers.dossier_of(staff.hr, dossier_id).documents
    if case.outcome is Outcome.RETURNED:
        rooms.dossiers.send_back(signers[turn[0].code].actor, document.id, case.return_reason)
    signing = {Outcome.DONE: len(turn), Outcome.HALF_SIGNED: 1}.get(case.outcome, 0)
    for person in turn[:signing]:
        _sign(rooms, signers[person.code], document.id)


def _sign(rooms: Services, signer: _Signer, document_id: int) -> None:
    shown = rooms.dossiers.document_of(signer.actor, document_id).sha256
    place = rooms.signing.propose(signer.actor, shown)
    rooms.dossiers.sign(
        signer.actor,
        document_id,
        pin=signer.pin,
        page=place.page,
        box=place.box,
        shown_sha256=shown,
    )


def _say(sentence: str, **values: object) -> None:
    click.echo(_(sentence) % values if values else _(sentence), err=True)
