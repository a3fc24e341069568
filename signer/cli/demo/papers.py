"""Invented papers in the form of Decree 30/2020, marked so that nobody takes them for real."""

from signer.reports.decree30 import Paper
from signer.reports.decree30_pdf import paper_pdf as plain_pdf

_MARK = "Dữ liệu mẫu: người và việc trong văn bản này đều do phần mềm đặt ra."


def paper_pdf(paper: Paper) -> bytes:
    """The paper as a PDF file, the mark at the foot of each page."""
    return plain_pdf(paper, foot=_MARK)
