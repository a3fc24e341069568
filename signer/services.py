"""The public objects of the house in one frozen bundle: what every door receives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import current_app

from signer.accounts import Accounts, Permission
from signer.audit import Audit
from signer.ca.authority import Authority
from signer.ca.responder import OcspResponder
from signer.ca.timestamp import TimestampAuthority
from signer.campaigns.service import Campaigns
from signer.clock import Clock
from signer.config import Settings
from signer.dossiers.preparing import Preparing
from signer.dossiers.receipts import Receipts
from signer.dossiers.service import Dossiers
from signer.dossiers.stamping import RESTAMP_JOB_KIND, DocumentStamps
from signer.files import Files
from signer.inventory.applying import ROSTER_JOB_KIND
from signer.inventory.logins import Logins
from signer.inventory.policy_change import POLICY_JOB_KIND
from signer.inventory.service import Inventory
from signer.inventory.structure import STRUCTURE_JOB_KIND
from signer.issuance.revoking import REVOKE_JOB_KIND
from signer.issuance.seals import SEAL_JOB_KIND
from signer.issuance.service import JOB_KIND, Issuance
from signer.jobs import Jobs
from signer.jobs.service import Handler
from signer.outside.following import JOB_KIND as STATUS_JOB_KIND
from signer.outside.importing import JOB_KIND as OUTSIDE_JOB_KIND
from signer.outside.service import Outside
from signer.pkcs11.hsm import Hsm
from signer.pkcs11.vault import Vault
from signer.reports.service import Reports
from signer.reports.snapshots import Snapshots
from signer.signing.service import Signing
from signer.signing.stamping import Stamping


@dataclass(frozen=True, kw_only=True)
class Services:
    """One object per room, built once by `create_rooms`."""

    settings: Settings
    clock: Clock
    audit: Audit
    files: Files
    jobs: Jobs
    hsm: Hsm
    vault: Vault
    accounts: Accounts
    inventory: Inventory
    logins: Logins
    authority: Authority
    ocsp: OcspResponder
    timestamps: TimestampAuthority
    stamping: Stamping
    document_stamps: DocumentStamps
    outside: Outside
    issuance: Issuance
    signing: Signing
    dossiers: Dossiers
    reports: Reports
    snapshots: Snapshots
    campaigns: Campaigns

    @property
    def receipts(self) -> Receipts:
        """Stateless, so made where it is asked for."""
        return Receipts(self.settings, self.files, self.signing, self.dossiers, self.timestamps)

    @property
    def preparing(self) -> Preparing:
        """Stateless, so made where it is asked for."""
        return Preparing(self.clock, self.audit, self.files, self.signing, self.dossiers)

    @property
    def job_handlers(self) -> Mapping[str, Handler]:
        """Which room does which kind of job."""
        return {
            JOB_KIND: self.issuance.issuing.issue_items,
            OUTSIDE_JOB_KIND: self.outside.importing.store_items,
            STATUS_JOB_KIND: self.outside.following.ask_items,
            REVOKE_JOB_KIND: self.issuance.revoking.revoke_items,
            ROSTER_JOB_KIND: self.inventory.rosters.applying.do_items,
            POLICY_JOB_KIND: self.inventory.policy.count_items,
            SEAL_JOB_KIND: self.issuance.seals.issue_items,
            RESTAMP_JOB_KIND: self.document_stamps.renew_items,
            STRUCTURE_JOB_KIND: self.inventory.structure.carry_items,
        }

    def steering(self, job_kind: str) -> Permission:
        """What somebody needs who steers a job of that kind: whatever the job itself needed."""
        return _STEERING.get(job_kind, Permission.CERTIFICATE_ISSUE)


_STEERING = {
    REVOKE_JOB_KIND: Permission.CERTIFICATE_REVOKE,
    ROSTER_JOB_KIND: Permission.ROSTER_IMPORT,
    STRUCTURE_JOB_KIND: Permission.UNIT_MANAGE,
    OUTSIDE_JOB_KIND: Permission.CERTIFICATE_IMPORT,
    STATUS_JOB_KIND: Permission.CERTIFICATE_IMPORT,
}


def services() -> Services:
    """The bundle of the application that is running."""
    return cast(Services, current_app.extensions["signer"])
