"""The verdict on a document as a paper to print and file, with a code that leads back to it."""

import io
from collections.abc import Callable, Sequence

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from signer.config import Settings
from signer.errors import N_
from signer.reports.typesetting import paragraph, register_fonts
from signer.signing.validation import SignatureVerdict, Verdict, VerdictClass
from signer.signing.verdict_words import MEANINGS, Say, exact, facts_of, heading_of

_COLOURS = {
    VerdictClass.VALID: HexColor(0x12643A),
    VerdictClass.INVALID: HexColor(0xA32018),
    VerdictClass.INDETERMINATE: HexColor(0x7A4A00),
    VerdictClass.UNSIGNED: HexColor(0x515C69),
}
_RED = HexColor(0xA32018)
_LINE = HexColor(0xBBBBBB)
_MARGIN, _LABEL, _QR = 20 * mm, 48 * mm, 34 * mm
_WIDTH = A4[0] - 2 * _MARGIN - 12  # what a frame of reportlab pads on both sides
_INTERNAL = N_(
    "Chứng thư do hệ thống cấp chứng thư nội bộ của cơ quan cấp, không phải chứng thư chữ ký số "
    "chuyên dùng công vụ."
)
_INVENTED = N_("Dữ liệu minh họa: mọi người và hồ sơ ở đây đều do máy tạo ra.")
_LONGEST = 400
"""Letters of one value: whoever made the certificate chose them."""
_PLAIN = ("FONTNAME", (0, 0), (-1, -1), "Serif")
"""Tables that name no font name Helvetica, which nobody embeds (R65)."""


def verdict_paper(
    verdict: Verdict,
    *,
    say: Say,
    language: str,
    file_name: str,
    settings: Settings,
) -> bytes:
    """The verdict as a PDF, the same bytes for the same verdict.

    Its QR code is the address where the present verdict on this very file can be asked for.
    """
    register_fonts()
    organisation = settings.organisation
    address = f"{settings.base_url.rstrip('/')}/verify?sha256={verdict.sha256}"
    notes = [say(note) for note in (_INTERNAL, *([_INVENTED] if settings.demo else ()))]
    buffer = io.BytesIO()
    title = say(N_("KẾT QUẢ KIỂM TRA CHỮ KÝ SỐ"))
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=(14 + 5 * len(notes)) * mm,
        title=title,
        author=organisation,
        lang="vi-VN" if language == "vi" else "en",
        invariant=True,
        initialFontName="Serif",
    )
    story = [
        paragraph(organisation, "Serif-Bold", 12, alignment=TA_CENTER, after=10),
        paragraph(title, "Serif-Bold", 15, alignment=TA_CENTER, after=10),
        _conclusion(verdict, say),
        Spacer(1, 4 * mm),
        _about(verdict, say, file_name, address),
    ]
    for number, signature in enumerate(verdict.signatures, start=1):
        story += _signature(signature, number, say)
    marks = _marks(say, notes)
    document.build(story, onFirstPage=marks, onLaterPages=marks)
    return buffer.getvalue()


def _conclusion(verdict: Verdict, say: Say) -> Table:
    """The class in its colour and, for those who see none and for copies, in words."""
    colour = _COLOURS[verdict.verdict]
    words = [
        _coloured(say(verdict.sentence), "Serif-Bold", 15, colour),
        paragraph(say(MEANINGS[verdict.verdict]), "Serif", 12),
    ]
    table = Table([[words]], colWidths=[_WIDTH])
    table.setStyle(
        [
            _PLAIN,
            ("BOX", (0, 0), (-1, -1), 1, colour),
            ("LINEBEFORE", (0, 0), (0, -1), 5, colour),
            ("LEFTPADDING", (0, 0), (-1, -1), 14),
            ("TOPPADDING", (0, 0), (-1, -1), 8),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 10),
        ]
    )
    return table


def _about(verdict: Verdict, say: Say, file_name: str, address: str) -> Table:
    """The file on the left, the code on the right."""
    facts = [
        (say(N_("Tên tệp")), file_name),
        (say(N_("Mã băm SHA-256")), verdict.sha256),
        (say(N_("Số trang")), str(verdict.pages or "")),
        (say(N_("Kiểm tra lúc")), exact(verdict.checked_at)),
    ]
    code = QrCodeWidget(address, barLevel="M", barWidth=_QR, barHeight=_QR, barBorder=4)
    picture = Drawing(_QR, _QR, initialFontName="Serif")
    picture.add(code)
    hint = paragraph(
        say(N_("Quét mã để xem kết quả kiểm tra hiện tại của đúng tệp này")),
        "Serif-Italic",
        9,
        alignment=TA_CENTER,
    )
    side = _QR + 8
    left = _facts([fact for fact in facts if fact[1]], _WIDTH - side)
    table = Table([[left, [picture, hint]]], colWidths=[_WIDTH - side, side])
    table.setStyle(
        [
            _PLAIN,
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    return table


def _signature(signature: SignatureVerdict, number: int, say: Say) -> list[Flowable]:
    heading = f"{number}. {_cut(heading_of(signature, say))}"
    return [
        Spacer(1, 5 * mm),
        paragraph(heading, "Serif-Bold", 13, keep_with_next=True),
        _coloured(say(signature.sentence), "Serif-Bold", 12, _COLOURS[signature.verdict]),
        *(paragraph("– " + say(finding), "Serif", 11) for finding in signature.sentences),
        Spacer(1, 2 * mm),
        _facts(facts_of(signature, say), _WIDTH),
    ]


def _facts(facts: Sequence[tuple[str, str]], width: float) -> Table:
    rows = [
        [paragraph(what, "Serif", 11), paragraph(_cut(value), "Serif-Bold", 11)]
        for what, value in facts
    ]
    for row in rows:
        row[1].style.splitLongWords = row[1].style.wordWrap = "CJK"  # a hash has no spaces
    table = Table(rows, colWidths=[_LABEL, width - _LABEL], splitInRow=1)
    table.setStyle(
        [
            _PLAIN,
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ]
    )
    return table


def _coloured(text: str, font: str, size: float, colour: Color) -> Paragraph:
    shown = paragraph(text, font, size, after=2)
    shown.style.textColor = colour
    return Paragraph(shown.text, shown.style)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _marks(say: Say, notes: Sequence[str]) -> Callable[[Canvas, SimpleDocTemplate], None]:
    """The page's number and, in red on every page (R16), what the reader must not overlook."""

    def draw(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Serif", 10)
        canvas.drawCentredString(
            A4[0] / 2, 8 * mm, say(N_("Trang %(number)s")) % {"number": document.page}
        )
        canvas.setFillColor(_RED)
        for line, note in enumerate(reversed(notes)):
            canvas.setFont("Serif-Italic", 9)
            canvas.drawCentredString(A4[0] / 2, (13 + 5 * line) * mm, note)
        canvas.restoreState()

    return draw
