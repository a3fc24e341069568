"""Campaigns toward full coverage: their targets and boards, and the rooms of what hangs on them."""

from datetime import date

from sqlalchemy import select

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.campaigns.boards import Board, draw_board
from signer.campaigns.kinds import USUAL_CRITERIA, text_within
from signer.campaigns.lacks import Lacks
from signer.campaigns.models import Campaign, Criterion
from signer.campaigns.reminding import Reminding
from signer.campaigns.scoring import Scoring
from signer.campaigns.tasks import Tasks, open_campaign, require_inside
from signer.clock import Clock
from signer.db import db, transaction
from signer.errors import N_, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import OrgUnit
from signer.inventory.service import Inventory
from signer.reports.service import Reports

LONGEST_DAYS = 366


class Campaigns:
    """Keeps campaigns; `tasks` and `scoring` are rooms of their own."""

    def __init__(
        self, clock: Clock, audit: Audit, files: Files, inventory: Inventory, reports: Reports
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._inventory = inventory
        self._reports = reports
        self.tasks = Tasks(clock, audit, inventory)
        self.scoring = Scoring(clock, audit, files, inventory, reports)
        self.lacks = Lacks(clock, audit)
        self.assign_reason = self.lacks.assign
        self.reasons_of = self.lacks.of
        self.follow = self.lacks.follow
        self.reminding = Reminding(clock, audit, inventory, reports)
        self.remind = self.reminding.remind
        self.reminders_for = self.reminding.unseen

    def start(
        self,
        actor: Actor,
        *,
        name: str,
        unit_code: str,
        target_percent: int,
        starts_on: date | None,
        ends_on: date | None,
    ) -> int:
        """The id of a new campaign over the unit's subtree, with the usual scoring table."""
        unit = self._inventory.unit_of(unit_code)
        actor.require(Permission.CAMPAIGN_MANAGE, unit.path)
        made = Campaign(
            unit_id=unit.id,
            unit_path=unit.path,
            created_by=actor.name,
            created_at=self._clock.now(),
        )
        with transaction():
            _set(made, name, target_percent, starts_on, ends_on)
            db.session.add(made)
            db.session.flush()
            for code, title, most, measure in USUAL_CRITERIA:
                facts = {"code": code, "title": title, "most_points": most, "measure": measure}
                db.session.add(Criterion(campaign_id=made.id, **facts))
            self._record(actor, "campaign.started", made)
        return made.id

    def change(
        self,
        actor: Actor,
        campaign_id: int,
        *,
        name: str,
        target_percent: int,
        starts_on: date | None,
        ends_on: date | None,
    ) -> None:
        """The campaign has this name, target and time from now on; the figures follow."""
        self._managed(actor, campaign_id)
        with transaction():
            row = open_campaign(campaign_id)
            _set(row, name, target_percent, starts_on, ends_on)
            self._record(actor, "campaign.changed", row)

    def close(self, actor: Actor, campaign_id: int) -> None:
        """The campaign is over; its board, tasks and scores can still be read."""
        self._managed(actor, campaign_id)
        with transaction():
            row = db.session.get_one(Campaign, campaign_id, with_for_update=True)
            if row.closed_at is None:
                row.closed_at = self._clock.now()
                self._record(actor, "campaign.closed", row)

    def campaigns(self, actor: Actor) -> list[Campaign]:
        """Those that concern the actor's units, the running first, then the newest."""
        found = db.session.scalars(select(Campaign).order_by(Campaign.starts_on.desc()))
        mine = [campaign for campaign in found if self._concerns(actor, campaign)]
        return sorted(mine, key=lambda campaign: not self.is_running(campaign))

    def is_running(self, campaign: Campaign) -> bool:
        """True from the first day to the last, unless it was closed before."""
        today = self._clock.today()
        return campaign.closed_at is None and campaign.starts_on <= today <= campaign.ends_on

    def campaign_of(self, actor: Actor, campaign_id: int) -> Campaign:
        """The campaign; `NotFound` when there is none that concerns the actor's units."""
        campaign = db.session.get(Campaign, campaign_id)
        if campaign is None or not self._concerns(actor, campaign):
            raise NotFound(N_("Không có chiến dịch này."))
        return campaign

    def board(self, actor: Actor, campaign_id: int, *, unit_code: str | None = None) -> Board:
        """The campaign as that unit sees it; without a unit, as the actor's own does.

        `Forbidden` for a unit outside the actor's; `Invalid` for one outside the campaign.
        """
        campaign = self.campaign_of(actor, campaign_id)
        unit = self._inventory.unit_of(unit_code) if unit_code else self._own_unit(actor, campaign)
        actor.require(Permission.REPORT_VIEW, unit.path)
        require_inside(campaign, unit)
        return draw_board(
            self._clock,
            self._reports,
            campaign,
            unit,
            tasks=self.tasks.listed(actor, campaign.id, within=unit.path),
            causes=self.lacks.counts(unit.path),
        )

    def _own_unit(self, actor: Actor, campaign: Campaign) -> OrgUnit:
        """The campaign's unit for those who see all of it, else the first of the actor's in it;
        a role over a unit that was renamed reads on over the closed row as well."""
        paths = [campaign.unit_path]
        if not actor.can(Permission.REPORT_VIEW, campaign.unit_path):
            scopes = actor.scopes(Permission.REPORT_VIEW)
            paths = [scope for scope in scopes if scope.startswith(campaign.unit_path)]
        mine = select(OrgUnit).where(OrgUnit.path.in_(paths))
        mine = mine.order_by(OrgUnit.valid_to.is_not(None), OrgUnit.path)  # the open ones first
        return db.session.scalars(mine.limit(1)).one()

    def _concerns(self, actor: Actor, campaign: Campaign) -> bool:
        scopes = actor.scopes(Permission.REPORT_VIEW)
        path = campaign.unit_path
        return any(path.startswith(scope) or scope.startswith(path) for scope in scopes)

    def _managed(self, actor: Actor, campaign_id: int) -> None:
        campaign = self.campaign_of(actor, campaign_id)
        actor.require(Permission.CAMPAIGN_MANAGE, campaign.unit_path)

    def _record(self, actor: Actor, action: str, campaign: Campaign) -> None:
        self._audit.record(
            actor.name,
            action,
            f"campaign:{campaign.id}",
            name=campaign.name,
            target_percent=campaign.target_percent,
            starts_on=campaign.starts_on.isoformat(),
            ends_on=campaign.ends_on.isoformat(),
        )


def _set(
    row: Campaign, name: str, target_percent: int, starts_on: date | None, ends_on: date | None
) -> None:
    needed = N_("Hãy đặt tên cho chiến dịch, tối đa %(limit)d ký tự.")
    name = text_within(name, "name", 200, least=1, sentence=needed)
    if not 1 <= target_percent <= 100:
        raise Invalid(N_("Mục tiêu là một tỷ lệ từ 1 đến 100 phần trăm."), field="target_percent")
    if starts_on is None or ends_on is None or starts_on >= ends_on:
        raise Invalid(N_("Ngày kết thúc phải sau ngày bắt đầu."), field="ends_on")
    if (ends_on - starts_on).days >= LONGEST_DAYS:
        raise Invalid(
            N_("Một chiến dịch dài tối đa %(limit)d ngày."), field="ends_on", limit=LONGEST_DAYS
        )
    row.name, row.target_percent = name, target_percent
    row.starts_on, row.ends_on = starts_on, ends_on
