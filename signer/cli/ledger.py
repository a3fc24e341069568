"""`signer ledger check`: every invariant of the ledger derived anew, its first breach named."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import click
from cryptography import x509

from signer.accounts import SYSTEM, Permission
from signer.ca import checking, checking_lists
from signer.ca.crl import RevocationReason
from signer.ca.invariants import RULES, Finding, Progress, Rule, one_instant
from signer.ca.profiles import load_profiles
from signer.cli import console
from signer.cli.console import _, progress, say
from signer.db import transaction
from signer.errors import N_, Invalid, worded
from signer.issuance import checking as checking_keys
from signer.services import Services
from signer.signing.activation import sealed_among

PATIENCE_MINUTES = 60
"""What a killed worker reserved is finished at the next start; an hour later that is late."""
_HOLD = RevocationReason.CERTIFICATE_HOLD
_MARKS = {"sound": ("✓", "green"), "broken": ("✗", "red"), "open": ("?", "yellow")}


class _Seen:
    """What was found of one rule: a breach outweighs what could not be looked at."""

    first: Finding | None = None
    times: int = 0

    def note(self, finding: Finding) -> None:
        if self.first is None or (self.first.is_open and not finding.is_open):
            self.first, self.times = finding, 0
        self.times += self.first.is_open == finding.is_open

    @property
    def state(self) -> str:
        if self.first is None:
            return "sound"
        return "open" if self.first.is_open else "broken"


ledger = click.Group("ledger", help=_("Sổ chứng thư."))


@ledger.command(
    help=_("Kiểm tra sổ chứng thư: mã thoát 0 đúng cả, 1 có chỗ sai, 2 có chỗ chưa kiểm tra được.")
)
@click.argument("files", nargs=-1, type=console.FILE)
@click.option(
    "--waiting-minutes",
    default=PATIENCE_MINUTES,
    show_default=True,
    help=_("Số hiệu bỏ dở quá số phút này là một chỗ sai."),
)
@console.json_option
@console.with_services
def check(services: Services, files: tuple[Path, ...], waiting_minutes: int) -> int:
    """Each rule with the first row that breaks it; FILES are certificates met elsewhere."""
    SYSTEM.require(Permission.AUDIT_VIEW)
    seen = {rule: _Seen() for rule in Rule}
    patience = timedelta(minutes=waiting_minutes)
    with one_instant(), progress(_count(), _("Đang kiểm tra sổ chứng thư")) as advance:
        for finding in check_ledger(services, files, patience=patience, on_progress=advance):
            seen[finding.rule].note(finding)
    broken = [rule.value for rule in Rule if seen[rule].state == "broken"]
    unchecked = [rule.value for rule in Rule if seen[rule].state == "open"]
    with transaction():  # that it was looked at, and what was seen, is part of the record
        services.audit.record(
            SYSTEM.name, "ledger.checked", "ledger:all", broken=broken, open=unchecked
        )
    told = [_told(rule, seen[rule]) for rule in Rule]
    if console.wants_json():
        console.show_json({"sound": not broken and not unchecked, "rules": told})
    else:
        for line in told:
            _show(line)
    return 1 if broken else 2 if unchecked else 0


@ledger.command(help=_("Thu hồi chứng thư không của riêng ai: OCSP, dấu thời gian, con dấu."))
@click.argument("serial")
@click.option(
    "--reason",
    required=True,
    type=console.OneOf(RevocationReason, [r for r in RevocationReason if r is not _HOLD]),
    help=_("Lý do theo RFC 5280."),
)
@console.yes_option
@console.with_services
def revoke(services: Services, serial: str, reason: RevocationReason, yes: bool) -> None:
    """A person's certificate is refused here: `signer revoke` knows its grounds and keys."""
    SYSTEM.require(Permission.CERTIFICATE_REVOKE)
    try:
        found = services.authority.certificate_of(int(serial.replace(":", ""), 16))
    except ValueError as error:
        raise click.BadParameter(_("số hiệu phải viết ở dạng thập lục phân")) from error
    if load_profiles().profile_of(found.profile).kind == "person":
        raise Invalid(N_("Chứng thư của cá nhân được thu hồi bằng lệnh “signer revoke”."))
    if not yes:
        click.echo(found.subject, err=True)
        click.confirm(_("Thu hồi hẳn chứng thư này?"), abort=True, err=True)
    services.authority.revoke(found.serial, reason, SYSTEM.name)
    say(_("Đã thu hồi chứng thư %(serial)s."), serial=found.serial_hex)


def check_ledger(
    services: Services,
    files: Sequence[Path] = (),
    *,
    patience: timedelta = timedelta(minutes=PATIENCE_MINUTES),
    on_progress: Progress = lambda _done: None,
) -> Iterator[Finding]:
    """Everything that breaks an invariant, or could not be looked at, rule by rule.

    Call it inside `one_instant()`. `files` hold certificates that somebody met elsewhere; those
    that this CA signed must stand in the ledger, as must those below `settings.pki`.
    """
    authorities = _authorities(services)
    kept = sorted(services.settings.pki.glob("*.pem"))
    yield from checking.check_audit(services.audit)
    yield from checking.check_recorded(authorities, [*kept, *files])
    yield from checking.check_certificates(
        authorities, at=services.clock.now(), patience=patience, on_progress=on_progress
    )
    yield from checking_lists.check_lists(authorities, services.settings.published)
    yield from checking_lists.check_answers(authorities, on_progress=on_progress)
    yield from checking_keys.check_holders(load_profiles(), on_progress=on_progress)
    yield from checking_keys.check_keys(services.vault, sealed_among, on_progress=on_progress)


def _authorities(services: Services) -> list[x509.Certificate]:
    """The issuing CA, and earlier ones below the same root whose certificates are still kept."""
    now, root = services.authority.certificate, services.authority.chain[-1]
    kept = [
        certificate
        for file in sorted(services.settings.pki.glob("*.pem"))
        for certificate in checking.certificates_in(file)
        if certificate != now and checking.is_signed_by_one_of([root], certificate)
    ]
    return [now, *kept]


def _count() -> int:
    return (
        checking.count_certificates()
        + checking_lists.count_answers()
        + checking_keys.count_certificates_and_keys()
    )


def _told(rule: Rule, seen: _Seen) -> dict[str, object]:
    """The rule, its state, and the first row that speaks for that state."""
    told: dict[str, object] = {"rule": rule.value, "title": _(RULES[rule]), "state": seen.state}
    if seen.first is not None:
        told |= {
            "times": seen.times,
            "row": seen.first.row,
            "sentence": worded(_, seen.first.sentence, seen.first.values),
        }
    return told


def _show(told: dict[str, object]) -> None:
    mark, colour = _MARKS[str(told["state"])]
    click.echo(f"{click.style(mark, fg=colour)} {told['title']}")
    if "row" in told:
        click.echo(f"  {told['row']}: {told['sentence']}")
    if told.get("times", 1) != 1:
        click.echo("  " + _("Có %(times)s chỗ như vậy; đây là chỗ đầu tiên.") % told)
