"""Whether a scanned paper may become a copy: colour, resolution and file version (R42)."""

from pathlib import Path

from signer.errors import N_, Invalid
from signer.signing.sandbox import SandboxFailure, drawing_sandbox

LEAST_VERSION = (1, 4)
LEAST_DPI = 200.0
"""Decree 30/2020, Appendix I, II.14: PDF from version 1.4, in colour, at least 200 dpi."""
COLOUR_BITS = 24
_SECONDS = 60.0
_SLACK = 0.98
"""What a scanner calls 200 dpi measures a little less on a sheet that is not quite A4."""


def require_scan(path: Path) -> None:
    """`Invalid` names what was measured, and the page; what was never on paper passes."""
    try:
        told = (
            drawing_sandbox()
            .call("scans_task:measure", {"path": str(path.absolute())}, seconds=_SECONDS)
            .value
        )
    except SandboxFailure as failure:
        raise Invalid(
            N_("Không đọc được tệp PDF để kiểm tra bản quét."), field="files"
        ) from failure
    major, minor = told["version"]
    if (major, minor) < LEAST_VERSION:
        raise Invalid(
            N_("Bản sao y phải là PDF từ phiên bản %(least)s; tệp này là %(version)s."),
            field="files",
            least="{}.{}".format(*LEAST_VERSION),
            version=f"{major}.{minor}",
        )
    for page in told["pages"]:
        if page["bits"] < COLOUR_BITS:
            raise Invalid(
                N_(
                    "Bản sao y phải quét màu; ảnh ở trang %(page)s chỉ có %(bits)s bit mỗi điểm"
                    " (đen trắng hoặc thang xám)."
                ),
                field="files",
                page=page["page"],
                bits=page["bits"],
            )
        if page["dpi"] < LEAST_DPI * _SLACK:
            raise Invalid(
                N_(
                    "Bản sao y phải quét từ %(least)g dpi; ảnh ở trang %(page)s đo được"
                    " %(dpi)s dpi."
                ),
                field="files",
                page=page["page"],
                least=LEAST_DPI,
                dpi=round(page["dpi"]),
            )
