"""The command-line door: the server's own commands, Vietnamese first, with honest exit codes."""

import sys

import click

from signer import __version__
from signer.cli import (
    accounts,
    issuing,
    ledger,
    outside,
    people,
    reports,
    restamping,
    revoking,
    roster,
    seals,
    server,
    signing,
    units,
    verifying,
)
from signer.cli.console import CreateApp, Machine, _, sentence
from signer.cli.inventory_check import inventory
from signer.cli.setup import setup
from signer.errors import SignerError

__all__ = ["CreateApp", "Machine", "main"]

EX_USAGE = 64
"""sysexits.h; click's own 2 would look like `signer verify` saying "indeterminate"."""
_COMMANDS: tuple[click.Command, ...] = (
    *(accounts.account, inventory, ledger.ledger, outside.outside, reports.report, roster.roster),
    *(issuing.request, issuing.issue, issuing.expiring, people.coverage, units.unit),
    *(people.person, people.duplicate, people.policy),
    *(revoking.revoke, revoking.suspend, revoking.release, revoking.draft),
    seals.seal,
    *(signing.activate, signing.sign, verifying.verify, restamping.restamp),
    *(setup, server.doctor, server.serve, server.worker),
)
cli = click.Group(
    "signer",
    help=_("Chữ ký số cá nhân cho cán bộ, công chức, viên chức của thành phố."),
    context_settings={"help_option_names": ["-h", "--help"]},
    commands=_COMMANDS,
)
click.version_option(__version__, message="%(version)s", help=_("In số phiên bản rồi dừng."))(cli)


def main(machine: Machine) -> int:
    """Runs the command of this process; 0 only when it did what was asked."""
    try:
        result = cli.main(standalone_mode=False, obj=machine)
    except click.UsageError as error:
        error.show()
        return EX_USAGE
    except click.ClickException as error:
        error.show()
        return 1
    except click.Abort:
        click.echo(_("Đã dừng theo yêu cầu."), err=True)
        return 130
    except SignerError as error:
        click.echo(sentence(error), err=True)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return result if isinstance(result, int) else 0
