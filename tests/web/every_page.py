"""A small city that has one of everything, and every page of the product with who looks at it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from signer.accounts import SYSTEM, Role
from signer.campaigns.kinds import LackCause, Measure, TaskState
from signer.campaigns.models import Campaign
from signer.db import db, release
from signer.inventory.bodies import Duty
from signer.inventory.models import OrgUnit, Person
from signer.inventory.states import PersonState
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.issuance.grounds import Act, Ground
from signer.reports.coverage import View
from signer.reports.periods import PeriodKind
from signer.services import Services
from signer.signing.geometry import Box
from tests.clocks import StandingClock
from tests.factories import OTHER_WARD, WARD, City
from tests.outside.bringing import brought, listed, p7b
from tests.outside.fake_vgca import Generation, forged, person_dn
from tests.outside.test_import import BA_DINH, _row
from tests.sealing import kept
from tests.web.visitor import account_of, set_person

DATA = Path(__file__).parents[1] / "data"
PIN = "2468-lotus"
ADMIN, HR, HEAD, AUDITOR = Role.ADMIN, Role.HR, Role.APPROVER, Role.AUDITOR

PAGES: dict[str, tuple[Role | None, tuple[str, ...]]] = {
    "/": (HR, ("/",)),
    "/activate": (HEAD, ("/activate",)),
    "/audit": (AUDITOR, ("/audit",)),
    "/campaigns": (ADMIN, ("/campaigns?all=1",)),
    "/campaigns/<int:campaign_id>": (
        HR,
        ("/campaigns/{campaign}", "/campaigns/{campaign}?order=late&unit=" + WARD),
    ),
    "/campaigns/<int:campaign_id>/edit": (ADMIN, ("/campaigns/{campaign}/edit",)),
    "/campaigns/<int:campaign_id>/scores": (ADMIN, ("/campaigns/{campaign}/scores",)),
    "/campaigns/<int:campaign_id>/scores/<unit_code>": (
        HR,
        ("/campaigns/{campaign}/scores/" + WARD,),
    ),
    "/campaigns/<int:campaign_id>/tasks": (ADMIN, ("/campaigns/{campaign}/tasks",)),
    "/campaigns/new": (ADMIN, ("/campaigns/new",)),
    "/coverage": (HR, ("/coverage", f"/coverage?unit={WARD}&as_of={{before}}")),
    "/coverage/<view>": (HR, tuple(f"/coverage/{view}" for view in View)),
    "/documents/<int:document_id>/sign": (HEAD, ("/documents/{waiting}/sign",)),
    "/documents/<int:document_id>/slots": (HR, ("/documents/{waiting}/slots",)),
    "/documents/<int:document_id>/signed": (HEAD, ("/documents/{signed}/signed",)),
    "/dossiers": (HR, ("/dossiers",)),
    "/dossiers/<int:dossier_id>": (HR, ("/dossiers/{dossier}",)),
    "/dossiers/new": (HR, ("/dossiers/new",)),
    "/drafts": (HR, ("/drafts",)),
    "/drafts/dismissal": (HR, ("/drafts/dismissal?draft=1",)),
    "/duplicates": (HR, ("/duplicates", "/duplicates?decided=1")),
    "/duplicates/<int:pair_id>": (HR, ("/duplicates/1", "/duplicates/{merged}")),
    "/expiring": (HR, ("/expiring",)),
    "/help": (None, ("/help",)),
    "/inbox": (HEAD, ("/inbox",)),
    "/inbox/review": (HEAD, ("/inbox/review?document={waiting}&document={other}",)),
    "/jobs/<int:job_id>": (HEAD, ("/jobs/{job}",)),
    "/login": (None, ("/login",)),
    "/outside": (HR, ("/outside", "/outside?tab=proposed")),
    "/outside/<int:certificate_id>": (HR, ("/outside/1", "/outside/2")),
    "/outside/import": (HR, ("/outside/import",)),
    "/outside/import/<int:import_id>": (HR, ("/outside/import/1", "/outside/import/2")),
    "/outside/status": (ADMIN, ("/outside/status",)),
    "/password": (HR, ("/password",)),
    "/people": (HR, ("/people", "/people?q=khong+co")),
    "/people/<code>": (HR, ("/people/{covered}", "/people/{retired}")),
    "/people/<code>/edit": (HR, ("/people/{covered}/edit",)),
    "/people/new": (HR, ("/people/new",)),
    "/policy": (ADMIN, ("/policy",)),
    "/reminders": (HR, ("/reminders",)),
    "/reports": (ADMIN, ("/reports",)),
    "/reports/<int:snapshot_id>": (ADMIN, ("/reports/1", "/reports/2")),
    "/reports/<int:snapshot_id>/compare": (
        ADMIN,
        ("/reports/2/compare?with=1", "/reports/2/compare"),
    ),
    "/reports/<int:snapshot_id>/print": (ADMIN, ("/reports/2/print",)),
    "/reports/prepare": (ADMIN, (f"/reports/prepare?kind=month&on={{month}}&unit={WARD}",)),
    "/requests": (HR, ("/requests",)),
    "/requests/<int:request_id>": (HEAD, ("/requests/{open_request}", "/requests/{approved}")),
    "/requests/new": (HR, ("/requests/new", "/requests/new?kind=renew&person={covered}")),
    "/revocations": (
        HR,
        ("/revocations", "/revocations?person={retired}&act=revoke&ground=retired"),
    ),
    "/revocations/history": (HR, ("/revocations/history",)),
    "/roster": (HR, ("/roster",)),
    "/roster/<int:import_id>": (HR, ("/roster/1", "/roster/{checked}", "/roster/{storing}")),
    "/tasks/<int:task_id>": (HR, ("/tasks/{task}",)),
    "/unit-changes/<int:change_id>": (ADMIN, ("/unit-changes/1", "/unit-changes/2")),
    "/unit-changes/new": (
        ADMIN,
        (
            "/unit-changes/new",
            "/unit-changes/new?kind=split&parts=3",
            "/unit-changes/new?kind=merge",
            "/unit-changes/new?kind=rename&codes=00025",
            "/unit-changes/new?kind=open",
        ),
    ),
    "/signature-image": (HEAD, ("/signature-image",)),
    "/my-seals": (HEAD, ("/my-seals",)),
    "/seals": (HR, ("/seals",)),
    "/seals/<int:seal_id>": (HR, ("/seals/1", "/seals/2")),
    "/seals/new": (HR, ("/seals/new",)),
    "/units": (ADMIN, ("/units", "/units?as_of=2025-06-30")),
    "/units/<code>": (ADMIN, (f"/units/{WARD}", f"/units/{OTHER_WARD}?as_of=2026-12-01")),
    "/verify": (None, ("/verify", "/khong-co")),
}
"""By rule; addresses hold the names of what `build` made in braces."""
NO_PAGES = (
    *("/api/", "/assets/", "/language/", "/theme/", "/dossiers/people", "/evidence/"),
    *("/revocations/again", "/revocations/preview", "/unit-changes/preview"),
)
"""Files, choices that lead back, fragments, and addresses that only send on."""
NO_PAGE_ENDINGS = ("/progress", "/file", ".png", ".csv", ".xlsx", "kind>", "form>")


@dataclass(frozen=True, kw_only=True)
class Full:
    """What was made: the sessions of those who look, and the names in the addresses."""

    sessions: dict[Role, str]
    names: dict[str, Any]


def build(services: Services, folder: Path, clock: StandingClock, g2: Generation) -> Full:
    """One of everything, in the order in which an office would have made it."""
    city = City(services, folder)
    names: dict[str, Any] = {}
    old = city.certified(6)
    clock.move(timedelta(days=1700))  # of the 1825 of the profile: they end within 180 days
    ward, other = city.people(12), city.people(3, unit=OTHER_WARD)
    mute = city.people(2, email=False)
    names["approved"] = 1
    names["covered"] = old[4].code
    _certificates(services, city, old, ward)
    _duplicates(services, city, old, other, names)
    _outside(services, folder, clock, g2, ward[6:9])
    _units(services, clock)
    _campaign(services, clock, city, mute[0], names)
    _reports(services, clock, names)
    head = _dossiers(services, city, old[5], names)
    _waiting(services, city, ward, names)
    accounts = {role: city.account(f"xem-{role}", role, None) for role in (ADMIN, HR, AUDITOR)}
    sessions = {
        role: services.accounts.log_in(*account, address="")
        for role, account in {**accounts, HEAD: head}.items()
    }
    release()
    return Full(sessions=sessions, names={**names, "retired": old[0].code})


def _certificates(services: Services, city: City, old: list[Person], ward: list[Person]) -> None:
    """Four new ones, a leaver, a changed address, a suspended key."""
    city.issue(ward[:4])
    set_person(old[0], state=PersonState.RETIRED)
    set_person(old[1], state=PersonState.RETIRED)
    set_person(old[2], email="moi@hanoi.gov.vn")
    services.issuance.revoking.sweep()
    services.issuance.revoking.order(
        city.actor("dau-moi", HR),
        act=Act.SUSPEND,
        person_codes=[old[3].code],
        ground=Ground.KEY_EXPOSED,
        document_ref="",
    )


def _waiting(services: Services, city: City, people: list[Person], names: dict[str, Any]) -> None:
    """What nobody has decided, and jobs that no worker has taken up."""
    hr, sample = city.actor("lan", HR, None), DATA / "danh_sach_mau.xlsx"
    open_request, approved = (
        services.issuance.create(hr, person_codes=[person.code], reason="Kế hoạch quý IV").id
        for person in people[4:6]
    )
    assert open_request
    assert approved
    names["open_request"] = open_request
    names["job"] = services.issuance.approve(city.actor("truong", HEAD, None), approved)
    names["checked"] = services.inventory.rosters.dry_run(SYSTEM, sample, sample.name).import_id
    names["storing"] = services.inventory.rosters.dry_run(SYSTEM, sample, sample.name).import_id
    services.inventory.rosters.start(SYSTEM, names["storing"])


def _duplicates(
    services: Services, city: City, old: list[Person], other: list[Person], names: dict[str, Any]
) -> None:
    """One pair to be decided, one merged."""
    hr = city.actor("nhan-su", HR, None)
    told: Any = {"full_name": old[4].full_name, "title": "Trưởng phòng", "unit": OTHER_WARD}
    services.inventory.persons.store(hr, told, code=old[5].code)
    release()
    pair = services.inventory.duplicates.pair_with(hr, other[0].code, other[1].code)
    services.inventory.duplicates.merge(hr, pair.id, other[0].code)
    names["merged"] = pair.id


def _outside(
    services: Services,
    folder: Path,
    clock: StandingClock,
    g2: Generation,
    people: list[Person],
) -> None:
    """A certain one, a proposed one, a revoked one, a unit's, a forged one; a list with faults."""
    sure, maybe, gone = people
    leaves = [
        g2.sub.certify(person_dn(sure.full_name, sure.email, BA_DINH)),
        g2.sub.certify(person_dn(maybe.full_name, None, BA_DINH)),
        g2.sub.certify(person_dn(gone.full_name, gone.email, BA_DINH)),
        g2.sub.certify((("C", "VN"), ("O", "UBND TP HÀ NỘI"), ("CN", BA_DINH))),
        forged(g2.sub).certify(person_dn("Vũ Văn Lạ", "la@la.vn"), serial=5),
    ]
    brought(services, p7b(folder, *leaves))
    g2.sub.revoked = {leaves[2].serial_number: (clock.now(), None)}
    services.outside.following.import_crl(SYSTEM, g2.sub.crl(clock.now()))
    rows = listed(folder, _row("a1", sure, serial=""), _row("a2", maybe, email=""))
    services.outside.importing.check(SYSTEM, rows, rows.name, issuer="VGCA G2")


def _units(services: Services, clock: StandingClock) -> None:
    """A unit that has another name since, and one that will have; who looks after them."""
    inventory, today = services.inventory, clock.today()
    inventory.bodies.name_officer(SYSTEM, WARD, Duty.FOCAL, person_code="T00005", decision="7/QĐ")
    for code, days in (("00008", -20), ("00025", 40)):
        unit = inventory.unit_of(code)
        heir = Heir(code=code, name=f"{unit.name} Mới")
        act = UnitAct(
            kind=ActKind.RENAME,
            on=today + timedelta(days=days),
            decision="15/NQ-HĐND",
            codes=(code,),
            heirs=(heir,),
        )
        inventory.structure.carry_out(SYSTEM, act)


def _campaign(
    services: Services, clock: StandingClock, city: City, person: Person, names: dict[str, Any]
) -> None:
    """A campaign with a late task that is to be adjusted, a score with its evidence, a reminder."""
    rooms, today = services.campaigns, clock.today()
    admin, officer = city.actor("chi-huy", ADMIN, None), city.actor("huong", HR, WARD)
    names["campaign"] = rooms.start(
        admin,
        name="60 ngày đêm phủ chữ ký số",
        unit_code="HN",
        target_percent=100,
        starts_on=today - timedelta(days=20),
        ends_on=today + timedelta(days=39),
    )
    campaign = db.session.get_one(Campaign, names["campaign"])
    (task,) = rooms.tasks.give(
        admin, campaign, unit_codes=[WARD], title="Rà soát danh sách", due_on=today
    )
    names["task"] = task
    rooms.tasks.report(
        officer,
        task,
        TaskState.ADJUST,
        cause="Thiếu thư điện tử công vụ",
        fix="Cấp thư cho từng người",
        wished_due_on=today + timedelta(days=5),
    )
    criterion = rooms.scoring.add_criterion(
        admin, campaign, code="TC9", title="Văn bản ký số", most_points=5, measure=Measure.TYPED
    )
    rooms.scoring.set_score(
        officer, criterion, WARD, a=1, b=2, note="Sổ văn bản", file=("so.pdf", b"%PDF-1.7")
    )
    rooms.assign_reason(officer, [person.id], LackCause.NO_EMAIL, due_on=today)
    rooms.remind(city.actor("thanhpho", HR, None), WARD, View.LACKS, "Trong tuần này")


def _reports(services: Services, clock: StandingClock, names: dict[str, Any]) -> None:
    """Two versions of a ward's report of the month that is over."""
    clock.move(timedelta(days=31))
    today = clock.today()
    names["before"] = today - timedelta(days=31)
    names["month"] = day = today.replace(day=14) - timedelta(days=0 if today.day > 14 else 31)
    snapshots = services.snapshots
    first = snapshots.freeze(SYSTEM, PeriodKind.MONTH, day, unit_code=WARD)
    assert first
    words = snapshots.prepare(SYSTEM, PeriodKind.MONTH, day, unit_code=WARD).text
    words = replace(
        words,
        number="12",
        remarks={WARD: "Chờ sắp xếp"},
        sections=("Đã rà soát.", *words.sections[1:]),
    )
    snapshots.freeze(
        SYSTEM, PeriodKind.MONTH, day, words, unit_code=WARD, corrects=1, reason="Bổ sung"
    )


def _dossiers(
    services: Services, city: City, person: Person, names: dict[str, Any]
) -> tuple[str, str]:
    """One document signed, one that waits; the account of who signs."""
    account = account_of(city, person, HEAD)
    signer = services.accounts.actor_of(account[0])
    services.signing.activate(signer, PIN)
    clerk = city.actor("van-thu", HR)
    kept(services, city, person, db.session.get_one(OrgUnit, person.unit_id).code)
    asking = city.actor("asks-for-a-seal", HR, None)
    services.issuance.seals.hand_over(asking, 1, person.code, "02/BB")
    files = ("quyet_dinh.pdf", "bao_cao_29_trang.pdf", "ban_quet.pdf")
    names["dossier"] = services.dossiers.create(
        clerk,
        title="Quyết định cử công chức đi học",
        unit_code=WARD,
        due_on=None,
        files=[(name, DATA / "pdf" / name) for name in files],
        signers=[person.code],
    )
    first, second, third = services.dossiers.dossier_of(SYSTEM, names["dossier"]).documents
    release()
    services.dossiers.sign(
        signer,
        first.id,
        pin=PIN,
        page=1,
        box=Box(x0=300, y0=60, x1=480, y1=120),
        shown_sha256=first.sha256,
        unseen=True,
    )
    names.update(signed=first.id, waiting=second.id, other=third.id)
    return account
