"""What the twenty invented dossiers are about, how far each has come, and their papers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from signer.cli.demo.people import INVENTED, Invented
from signer.reports.decree30 import NameBlock, Paper
from signer.reports.decree30_pdf import paper_pdf

_CITY = "Ủy ban nhân dân thành phố Hà Nội"
_MARK = "Dữ liệu mẫu: người và việc trong văn bản này đều do phần mềm đặt ra."


@dataclass(frozen=True, kw_only=True)
class Case:
    """One dossier, and how far it has come when the demo begins."""

    title: str
    kind: str
    symbol: str
    subject: str
    body: Sequence[str]
    recipients: Sequence[str] = ("Như trên;", "Lưu: VT.")
    both: bool = False
    """The head of the office signs before the head of the unit."""
    signatures: int = 0
    return_reason: str = ""
    """Why it was sent back; empty unless it was."""
    days_to_go: int


@dataclass(frozen=True, kw_only=True)
class Office:
    """A unit whose papers the demo invents, with the two people who sign them."""

    unit_code: str
    unit_name: str
    head: Invented
    office_head: Invented

    @property
    def is_department(self) -> bool:
        """True for a department of the city, false for a ward or commune."""
        return not self.unit_code.isdigit()


def pdf_of(case: Case, office: Office, day: date) -> bytes:
    """The paper as that office would write it on that day (Decree 30/2020), marked as invented."""
    body, is_department = office.unit_code, office.is_department
    signers = [("", office.office_head)] if case.both else []
    signers.append(("" if is_department else "TM. Ủy ban nhân dân", office.head))
    paper = Paper(
        parent=_CITY,
        issuer=office.unit_name,
        symbol=case.symbol.replace("…", body if is_department else "UBND"),
        kind=case.kind,
        subject=case.subject,
        day=day,
        body=tuple(text % {"unit": office.unit_name, "year": day.year} for text in case.body),
        recipients=tuple(case.recipients),
        blocks=tuple(
            NameBlock(authority=authority, title=person.title, name=person.full_name)
            for authority, person in signers
        ),
    )
    return paper_pdf(paper, foot=_MARK)


CASES = tuple(Case(**told) for told in INVENTED["papers"])
"""Each office has one of each."""
