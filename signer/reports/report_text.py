"""The words of the periodic report (domain.md 3.1): drafted from its figures, then edited."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from signer.errors import N_, Invalid
from signer.inventory.names import clean_text, fold
from signer.reports.appendix import Appendix
from signer.reports.columns import lines_of
from signer.reports.coverage import Facet, Figures
from signer.reports.decree30 import (
    Heading,
    NameBlock,
    Paper,
    TableAppendix,
    day_words,
    is_committee,
    number_line,
)
from signer.reports.number_words import counted
from signer.reports.periods import Period
from signer.reports.wording import date_text, rate_text

SECTIONS = (
    N_("I. Tình hình thực hiện"),
    N_("II. Kết quả"),
    N_("III. Tồn tại, hạn chế, nguyên nhân"),
    N_("IV. Nhiệm vụ thời gian tới"),
    N_("V. Đề xuất, kiến nghị"),
)
LINES = {"parent": 200, "issuer": 200, "number": 20, "symbol": 40, "place": 60} | dict.fromkeys(
    ("authority", "title", "name"), 120
)
"""What is one line each on paper, and how long it may be."""
_LONGEST_SECTION, _LONGEST_RECIPIENTS, _LONGEST_REMARK = 20_000, 5_000, 1_000
_NAMED_UNITS = 5
_SUBJECT = "Kết quả cấp, quản lý, sử dụng chữ ký số chuyên dùng công vụ"
_OWN_CA_NOTE = (
    "Ghi chú: Số liệu gồm cả chứng thư do tổ chức chứng thực nội bộ của thành phố cấp, không phải "
    "chứng thư chữ ký số chuyên dùng công vụ."
)


@dataclass(frozen=True, kw_only=True)
class ReportText:
    """What people write on a report; everything else on it is figures."""

    parent: str
    issuer: str
    number: str = ""
    symbol: str = "BC-UBND"
    place: str
    signed_on: date | None = None
    sections: tuple[str, ...]
    """One text for each of `SECTIONS`, a paragraph a line."""
    recipients: tuple[str, ...]
    authority: str
    title: str
    name: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """The column "Nguyên nhân, kiến nghị" by the code of a unit."""

    def checked(self) -> "ReportText":
        """The text as every format can bear it: nothing invisible in it, nothing empty, no flood.

        `Invalid` names the first part that cannot stand: what is frozen can never be mended.
        """
        if len(self.sections) != len(SECTIONS):
            raise Invalid(N_("Báo cáo phải có đủ năm phần."), field="section-0")
        recipients = tuple(filter(None, map(clean_text, self.recipients)))
        remarks = {code: kept for code, text in self.remarks.items() if (kept := clean_text(text))}
        sections = tuple(
            "\n".join(filter(None, map(clean_text, section.splitlines())))
            for section in self.sections
        )
        plain: dict[str, Any] = {name: clean_text(getattr(self, name)) for name in LINES}
        if not plain["issuer"]:
            raise Invalid(N_("Hãy ghi tên cơ quan ban hành báo cáo."), field="issuer")
        for field_name, text, longest in (
            *((name, plain[name], longest) for name, longest in LINES.items()),
            *((f"section-{n}", text, _LONGEST_SECTION) for n, text in enumerate(sections)),
            ("recipients", "\n".join(recipients), _LONGEST_RECIPIENTS),
            *(("remarks", text, _LONGEST_REMARK) for text in remarks.values()),
        ):
            if len(text) > longest:
                raise Invalid(
                    N_("Ô này dài nhất %(longest)d ký tự."), field=field_name, longest=longest
                )
        return replace(self, **plain, sections=sections, recipients=recipients, remarks=remarks)

    def to_json(self) -> dict[str, object]:
        """What a draft and a snapshot keep."""
        return asdict(self) | {"signed_on": self.signed_on and self.signed_on.isoformat()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "ReportText":  # JSON as `to_json` wrote it
        """The value that `to_json` wrote."""
        day = kept["signed_on"] and date.fromisoformat(kept["signed_on"])
        lists = {name: tuple(kept[name]) for name in ("sections", "recipients")}
        return cls(**{**kept, **lists, "signed_on": day})


def paper_of(text: ReportText, period: Period, appendix: Appendix, *, own_ca_counts: bool) -> Paper:
    """The report as it stands on paper."""
    body: list[str | Heading] = []
    for title, section in zip(SECTIONS, text.sections, strict=True):
        body += [Heading(text=title), *filter(None, map(str.strip, section.splitlines()))]
    number = number_line(text.number, text.symbol).removeprefix("Số: ")
    return Paper(
        parent=text.parent,
        issuer=text.issuer,
        number=text.number,
        symbol=text.symbol,
        place=text.place,
        day=text.signed_on,
        kind="Báo cáo",
        subject=f"{_SUBJECT}\n{period.title}",
        body=tuple(body),
        recipients=text.recipients,
        blocks=(NameBlock(authority=text.authority, title=text.title, name=text.name),),
        appendix=TableAppendix(
            title=f"Số liệu cấp, quản lý, sử dụng chữ ký số {period.title}",
            caption=(
                f"(Số liệu tính đến hết ngày {date_text(appendix.as_of)}; kèm theo Báo cáo số "
                f"{number} {day_words(text.signed_on)} của {appendix.name or text.issuer})"
            ),
            lines=lines_of(appendix, text.remarks),
            notes=(_OWN_CA_NOTE,) if own_ca_counts else (),
        ),
    )


def drafted(
    period: Period,
    appendix: Appendix,
    facets: Mapping[Facet, Figures],
    *,
    organisation: str,
    place: str,
) -> ReportText:
    """A first text with the figures in words; whoever signs the report changes it freely."""
    unit = appendix.name or organisation
    is_city = fold(unit) == fold(organisation)
    by_committee = is_committee(unit)
    return ReportText(
        parent="" if by_committee else organisation,
        issuer=unit,
        symbol="BC-UBND" if by_committee else "BC",
        place=place,
        sections=(
            _progress(period, appendix, unit),
            _results(appendix, facets),
            _shortcomings(appendix),
            _next_tasks(appendix),
            "Không.",
        ),
        recipients=(
            "Các sở, ban, ngành; UBND các phường, xã;"
            if is_city
            else "UBND Thành phố (để báo cáo);",
            "Lưu: VT.",
        ),
        authority="TM. Ủy ban nhân dân" if by_committee else "",
        title="Chủ tịch" if by_committee else "Thủ trưởng cơ quan",
    )


def _progress(period: Period, appendix: Appendix, unit: str) -> str:
    return (
        f"Thực hiện Nghị định số 68/2024/NĐ-CP của Chính phủ quy định về chữ ký số chuyên dùng "
        f"công vụ, {unit} đã rà soát việc cấp, quản lý, sử dụng chữ ký số của cán bộ, công chức, "
        f"viên chức và người lao động thuộc phạm vi quản lý.\n"
        f"Kỳ báo cáo từ ngày {date_text(period.starts_on)} đến ngày {date_text(period.ends_on)}; "
        f"số liệu tính đến hết ngày {date_text(appendix.as_of)}, tính theo người, không tính theo "
        "số chứng thư."
    )


def _results(appendix: Appendix, facets: Mapping[Facet, Figures]) -> str:
    all_ = appendix.total
    lines = [
        f"Tổng số cán bộ, công chức, viên chức và người lao động: {counted(all_.total)} người; "
        f"thuộc diện cấp: {counted(all_.persons)} người.",
        f"Đã được cấp: {counted(all_.covered)} người, đạt {rate_text(all_.rate, 'vi')}, trong đó "
        f"Token {counted(all_.token)}, SIM PKI {counted(all_.sim_pki)}, tập trung "
        f"{counted(all_.central)}, chưa rõ phương tiện {counted(all_.other_carrier)}.",
        f"Đang chờ cấp: {counted(all_.pending)} người; chưa được cấp: {counted(all_.lacking)} "
        "người.",
        f"Trong kỳ có {counted(all_.signed_persons)} người đã ký số với "
        f"{counted(all_.signed_times)} lượt ký; "
        f"tỷ lệ sử dụng đạt {rate_text(all_.use_rate, 'vi')}.",
    ]
    for facet, who in ((Facet.LEADER, "lãnh đạo"), (Facet.ONE_STOP, "cán bộ một cửa")):
        figures = facets.get(facet, Figures())
        if figures.persons:
            lines.append(
                f"Riêng {who}: {counted(figures.covered)} trên {counted(figures.persons)} người "
                f"đã được cấp, đạt {rate_text(figures.rate, 'vi')}."
            )
    return "\n".join(lines)


def _shortcomings(appendix: Appendix) -> str:
    all_ = appendix.total
    if all_.persons == all_.covered and not all_.must_revoke:
        return "Không có."
    lines = [f"Còn {counted(all_.persons - all_.covered)} người chưa có chữ ký số."]
    behind = sorted(
        (row for row in appendix.rows if row.level == 0 and row.covered < row.persons),
        key=lambda row: row.covered - row.persons,
    )
    named = [f"{r.name} ({r.persons - r.covered} người)" for r in behind[:_NAMED_UNITS]]
    if named:
        lines.append(f"Các đơn vị còn thiếu nhiều nhất: {', '.join(named)}.")
    if all_.must_revoke:
        lines.append(
            f"Còn {counted(all_.must_revoke)} người đã nghỉ hoặc chuyển công tác mà chứng thư chưa "
            "được thu hồi."
        )
    return "\n".join(lines)


def _next_tasks(appendix: Appendix) -> str:
    all_ = appendix.total
    tasks = (
        (all_.persons - all_.covered, "Hoàn thành việc cấp chữ ký số cho {} người còn thiếu."),
        (all_.expiring, "Gia hạn chứng thư của {} người sẽ hết hạn trong 60 ngày tới."),
        (all_.must_revoke, "Thu hồi chứng thư của {} người đã nghỉ hoặc chuyển công tác."),
        (
            all_.covered - all_.signed_persons,
            "Đôn đốc {} người đã được cấp nhưng chưa ký số trong kỳ.",
        ),
    )
    due = [sentence.format(counted(number)) for number, sentence in tasks if number]
    return "\n".join(due) or "Duy trì kết quả đã đạt được."
