"""The CA's part of `signer ledger check`, for tests that have no whole house around it."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path

from signer.audit import Audit
from signer.ca import Authority
from signer.ca.checking import check_audit, check_certificates, check_recorded
from signer.ca.checking_lists import check_answers, check_lists
from signer.ca.invariants import Finding, one_instant
from signer.clock import Clock


def findings(
    authority: Authority,
    audit: Audit,
    clock: Clock,
    published: Path,
    files: Sequence[Path] = (),
    *,
    patience: timedelta = timedelta(hours=1),
) -> list[Finding]:
    """Everything that breaks an invariant now."""
    ours = [authority.certificate]

    def nobody_watches(_done: int) -> None:
        pass

    with one_instant():
        return list(
            chain(
                check_audit(audit),
                check_recorded(ours, files),
                check_certificates(
                    ours, at=clock.now(), patience=patience, on_progress=nobody_watches
                ),
                check_lists(ours, published),
                check_answers(ours, on_progress=nobody_watches),
            )
        )
