"""The files a frozen report can be had as; each is made anew from the frozen figures."""

from enum import StrEnum

from signer.reports.decree30 import TableAppendix
from signer.reports.decree30_docx import paper_docx
from signer.reports.decree30_pdf import paper_pdf
from signer.reports.snapshot_models import Snapshot
from signer.reports.tables import appendix_csv, appendix_xlsx


class Format(StrEnum):
    """By the ending of the file's name."""

    DOCX = "docx"
    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"


_OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES: dict[Format, str] = {
    Format.DOCX: f"{_OFFICE}.wordprocessingml.document",
    Format.PDF: "application/pdf",
    Format.XLSX: f"{_OFFICE}.spreadsheetml.sheet",
    Format.CSV: "text/csv; charset=utf-8",
}


def rendered(snapshot: Snapshot, form: Format) -> bytes:
    """The report, or its table, as that kind of file."""
    paper = snapshot.paper
    if form is Format.DOCX:
        return paper_docx(paper)
    if form is Format.PDF:
        return paper_pdf(paper)
    appendix = paper.appendix or TableAppendix(title="", caption="", lines=())
    return appendix_xlsx(appendix) if form is Format.XLSX else appendix_csv(appendix)


def file_name(snapshot: Snapshot, form: Format) -> str:
    """bao-cao-month-2026-11-14-HN-v1.pdf"""
    period = snapshot.period
    day = period.ends_on.isoformat()
    return f"bao-cao-{period.kind}-{day}-{snapshot.unit_code}-v{snapshot.version}.{form}"
