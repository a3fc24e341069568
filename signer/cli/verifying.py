"""`signer verify`: anybody's PDF judged on this machine, with reports to keep."""

from pathlib import Path

import click

from signer.cli import console
from signer.cli.console import _, say
from signer.reports.verdict_paper import verdict_paper
from signer.services import Services
from signer.signing.validation import Verdict, VerdictClass
from signer.signing.verdict_report import etsi_report
from signer.signing.verdict_words import facts_of, heading_of

EXIT_CODES = {VerdictClass.VALID: 0, VerdictClass.INVALID: 1}
"""Anything else, an unsigned file too, is 2: there is no telling."""

_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command(help=_("Kiểm tra chữ ký số: mã thoát 0 hợp lệ, 1 không hợp lệ, 2 chưa đủ căn cứ."))
@click.argument("file", type=console.FILE)
@click.option("--xml", type=_OUT, help=_("Ghi báo cáo XML theo ETSI TS 119 102-2 vào tệp này."))
@click.option("--paper", type=_OUT, help=_("Ghi bản in PDF có mã QR vào tệp này."))
@console.json_option
@console.with_services
def verify(services: Services, file: Path, xml: Path | None, paper: Path | None) -> int:
    """One sentence, then each signature with what was found about it."""
    verdict = services.signing.verify(file)
    if xml is not None:
        xml.write_bytes(etsi_report(verdict))
    if paper is not None:
        drawn = verdict_paper(
            verdict,
            say=_,
            language=console.language(),
            file_name=file.name,
            settings=services.settings,
        )
        paper.write_bytes(drawn)
    if console.wants_json():
        console.show_json(verdict.to_json())
    else:
        _show(verdict)
    return EXIT_CODES.get(verdict.verdict, 2)


def _show(verdict: Verdict) -> None:
    say(_(verdict.sentence))
    for signature in verdict.signatures:
        say(f"- {heading_of(signature, _)}: {_(signature.sentence)}")
        for line in signature.sentences:
            say(f"  {_(line)}")
        for what, value in facts_of(signature, _):
            say(f"    {what}: {value.replace(chr(10), '; ')}")
