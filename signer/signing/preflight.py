"""Whether a PDF may be taken in and signed, said in one sentence, before anything else reads it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from signer.errors import N_, Invalid
from signer.signing.geometry import Box, PageSize
from signer.signing.pages import Cache
from signer.signing.placement import SignatureField
from signer.signing.sandbox import Sandbox, SandboxFailure, Trouble, drawing_sandbox

INSPECT_SECONDS = 60.0
"""A 100 MB scan takes about two seconds."""

SETTLED_SECONDS = 2.0
"""The date of a file has steps; a younger one may still change unseen."""

MOST_LISTED = 10


class PreflightVerdict(StrEnum):
    """What the document is."""

    OK = "ok"
    SIGNED = "signed"
    """It carries signatures and may be signed again."""
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    NOT_PDF = "not_pdf"
    TOO_LARGE = "too_large"
    """In bytes, in pages, or in what it unpacks to."""
    FORBIDDEN_CONTENT = "forbidden_content"
    LOCKED = "locked"
    """An earlier signer forbade every further change."""


SENTENCES = {
    PreflightVerdict.OK: N_("Tài liệu sẵn sàng để ký."),
    PreflightVerdict.SIGNED: N_("Tài liệu đã có chữ ký số và có thể ký thêm."),
    PreflightVerdict.ENCRYPTED: N_(
        "Tài liệu đang được đặt mật khẩu. Hãy bỏ mật khẩu rồi tải lên lại."
    ),
    PreflightVerdict.DAMAGED: N_(
        "Tệp PDF bị hỏng hoặc tải lên chưa đủ. Hãy xuất lại tệp PDF rồi tải lên lại."
    ),
    PreflightVerdict.NOT_PDF: N_("Đây không phải là tệp PDF."),
    PreflightVerdict.TOO_LARGE: N_("Tệp PDF quá lớn: tối đa %(limit)s MB."),
    PreflightVerdict.FORBIDDEN_CONTENT: N_(
        "Tệp PDF có nội dung không được phép (mã lệnh, lệnh mở chương trình hoặc biểu mẫu động)."
    ),
    PreflightVerdict.LOCKED: N_("Tài liệu đã được người ký trước khóa lại, không ký thêm được."),
}

FINDINGS = {
    "javascript": N_("Tệp PDF có chứa mã JavaScript nên không được nhận."),
    "launch": N_("Tệp PDF có lệnh mở chương trình hoặc tệp khác nên không được nhận."),
    "submit": N_("Tệp PDF có lệnh gửi dữ liệu ra ngoài nên không được nhận."),
    "external": N_("Tệp PDF lấy nội dung từ tệp khác bên ngoài nên không được nhận."),
    "layers": N_(
        "Tệp PDF có lớp nội dung đang bị ẩn nên không được nhận."
        " Hãy cho hiện mọi lớp rồi xuất lại tệp PDF."
    ),
    "hides": N_("Tệp PDF có lệnh ẩn, hiện hoặc đổi nội dung khi xem nên không được nhận."),
    "xfa": N_("Tệp PDF là biểu mẫu động (XFA) nên không được nhận. Hãy in ra PDF thường."),
    "media": N_("Tệp PDF có nhúng nội dung đa phương tiện chạy được nên không được nhận."),
    "unpacked": N_("Tệp PDF bung ra quá lớn so với giới hạn cho phép."),
    "pages": N_("Tệp PDF có quá nhiều trang: tối đa %(limit)s trang."),
    "complex": N_("Tệp PDF quá phức tạp, vượt quá giới hạn xử lý."),
    "undrawn": N_(
        "Tài liệu là biểu mẫu mà chữ trong ô do phần mềm xem tự vẽ, nên ký xong có thể không còn"
        " thấy. Hãy in ra PDF thường rồi tải lên lại."
    ),
    "no_pages": N_("Tệp PDF không có trang nào."),
}
"""What exactly was found, where the verdict alone says too little."""

WARNINGS = {
    "spare_pages": N_(
        "Tệp PDF có %(count)s trang không hiện ra; về sau có thể bị tráo vào thay trang bạn đã ký."
    ),
    "spare_content": N_(
        "Tệp PDF có %(count)s phần nội dung không dùng ở trang nào; về sau có thể bị tráo vào tài"
        " liệu."
    ),
    "missing_objects": N_(
        "Tệp PDF trỏ tới %(count)s đối tượng chưa có; nội dung có thể được thêm vào đó sau khi ký."
    ),
    "unlisted_objects": N_(
        "Tệp PDF có %(count)s đối tượng bị trùng hoặc nằm ngoài mục lục của tệp; về sau có thể bị"
        " tráo vào tài liệu."
    ),
    "form_fields": N_(
        "Tài liệu có %(count)s ô điền được; chữ trong ô có thể bị đổi sau khi ký. Hãy in ra PDF"
        " thường nếu nội dung đã chốt."
    ),
    "field_value": N_("Tài liệu có %(count)s ô hiện chữ khác với giá trị thật của ô."),
    "attachments": N_(
        "Tệp PDF có %(count)s tệp đính kèm; chữ ký bao trùm cả tệp đính kèm dù không hiện trên"
        " trang."
    ),
    "other_files": N_("Tệp PDF có %(count)s liên kết mở tệp khác."),
    "covered": N_("Trang %(pages)s có nội dung bị hình khác che khuất."),
    "unseen_text": N_("Trang %(pages)s có chữ không nhìn thấy được."),
    "off_page": N_("Trang %(pages)s có nội dung nằm ngoài mép giấy nên không nhìn thấy."),
    "hidden_annotation": N_("Trang %(pages)s có ghi chú hoặc ô đang bị ẩn."),
}
"""What the signer is told before the signature, by the code of the warning."""


@dataclass(frozen=True, kw_only=True)
class PreflightWarning:
    """Something the signer should know before signing; it forbids nothing."""

    code: str
    sentence: str
    page: int | None = None
    """Counts from 1; None when it concerns the whole document."""
    values: Mapping[str, Any] = field(default_factory=dict)  # whatever the sentence names


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What is known about the document without trusting it.

    `pages`, `signatures` and `fields` are filled when the verdict is `ok`, `signed` or `locked`,
    `warnings` when it may be signed.
    """

    verdict: PreflightVerdict
    sentence: str
    values: Mapping[str, Any] = field(default_factory=dict)  # whatever the sentence names
    pages: tuple[PageSize, ...] = ()
    signatures: int = 0
    fields: tuple[SignatureField, ...] = ()
    warnings: tuple[PreflightWarning, ...] = ()
    repairable: bool = False
    """`repair` can make a copy without the damage or the warned content; never when signed."""

    @property
    def may_sign(self) -> bool:
        """The document can be taken in and signed."""
        return self.verdict in (PreflightVerdict.OK, PreflightVerdict.SIGNED)

    @property
    def is_readable(self) -> bool:
        """The document can be shown and verified."""
        return self.may_sign or self.verdict is PreflightVerdict.LOCKED

    def require_signable(self) -> None:
        """`Invalid` with the sentence unless the document may be signed."""
        if not self.may_sign:
            raise Invalid(self.sentence, field="file", **self.values)


_reports: Cache[Preflight] = Cache(50_000)
"""A stored file is asked about for each page that shows it; counted in pages."""


def inspect(path: Path, limit_bytes: int, *, sandbox: Sandbox | None = None) -> Preflight:
    """The verdict on the file, whatever it is; size is checked before a byte is parsed.

    Raises only `Invalid` when there is no such file, and `Unavailable` when the machine is busy.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise Invalid(N_("Không tìm thấy tệp PDF."), field="file") from error
    if facts.st_size > limit_bytes:
        return _verdict(PreflightVerdict.TOO_LARGE, limit=limit_bytes // (1024 * 1024))
    key = (str(path), facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    try:
        if time.time() - facts.st_mtime < SETTLED_SECONDS:
            return _inspected(path, sandbox)
        return _reports.get(
            key, lambda: _inspected(path, sandbox), size=lambda report: 1 + len(report.pages)
        )
    except SandboxFailure as failure:
        if failure.trouble is Trouble.CRASH:
            return _verdict(PreflightVerdict.DAMAGED)
        return _verdict(PreflightVerdict.TOO_LARGE, finding="complex")


def _inspected(path: Path, sandbox: Sandbox | None) -> Preflight:
    reply = (sandbox or drawing_sandbox()).call(
        "preflight_task:inspect", {"path": str(path.absolute())}, seconds=INSPECT_SECONDS
    )
    try:
        return _read(reply.value)
    except (KeyError, TypeError, ValueError) as error:  # a file took the child over
        raise SandboxFailure(Trouble.CRASH, "unreadable answer") from error


def repair(source: Path, output: Path, *, sandbox: Sandbox | None = None) -> None:
    """The new file `output` shows the pages of `source`, written anew without what was unused.

    It is another document: whoever signs it looks at it first. `Invalid` when the source carries
    a signature or cannot be read at all.
    """
    try:
        reply = (sandbox or drawing_sandbox()).call(
            "preflight_task:repair", {"path": str(source.absolute())}, seconds=INSPECT_SECONDS
        )
    except SandboxFailure as failure:
        raise Invalid(
            N_("Tệp PDF này không sửa được. Hãy xuất lại tệp PDF rồi tải lên lại."), field="file"
        ) from failure
    output.write_bytes(reply.blobs[0])


def _verdict(verdict: PreflightVerdict, finding: str | None = None, **values: object) -> Preflight:
    sentence = FINDINGS[finding] if finding else SENTENCES[verdict]
    return Preflight(verdict=verdict, sentence=sentence, values=values)


def _read(told: Mapping[str, Any]) -> Preflight:
    verdict = PreflightVerdict(told["verdict"])
    blank = _verdict(verdict, told.get("finding"))
    return Preflight(
        verdict=verdict,
        sentence=blank.sentence,
        values=told.get("values", {}),
        pages=tuple(
            PageSize(width=width, height=height, rotation=rotation)
            for width, height, rotation in told.get("pages", ())
        ),
        signatures=int(told.get("signatures", 0)),
        fields=tuple(
            SignatureField(
                name=entry["name"],
                page=entry["page"],
                box=_box(entry["box"]),
                signed=entry["signed"],
            )
            for entry in told.get("fields", ())
        ),
        warnings=tuple(_warning(entry) for entry in told.get("warnings", ())),
        repairable=bool(told.get("repairable")),
    )


def _warning(told: Mapping[str, Any]) -> PreflightWarning:
    pages = [int(number) for number in told.get("pages", ())]
    values = {"pages": _listed(pages)} if pages else {"count": int(told["values"]["count"])}
    return PreflightWarning(
        code=told["code"],
        sentence=WARNINGS[told["code"]],
        page=pages[0] if pages else None,
        values=values,
    )


def _listed(pages: list[int]) -> str:
    """ "3, 5, 6…": the first few, which is where people look."""
    shown = ", ".join(map(str, pages[:MOST_LISTED]))
    return shown + "…" if len(pages) > MOST_LISTED else shown


def _box(corners: list[float] | None) -> Box | None:
    if corners is None:
        return None
    x0, y0, x1, y1 = corners
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)
