"""The words of the periodic report (domain.md 3.1): drafted from its figures, then edited."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from signer.errors import N_, Invalid
from signer.reports.appendix import Appendix, AppendixRow
from signer.reports.columns import lines_of
from signer.reports.coverage import Facet, Figures
from signer.reports.decree30 import Heading, NameBlock, Paper, TableAppendix, day_words, number_line
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
_LONGEST = {"number": 20, "symbol": 40, "place": 60, "authority": 120, "title": 120, "name": 120}
_LONGEST_TEXT = 20_000
_NAMED_UNITS = 5
_COMMITTEE = "ỦY BAN NHÂN DÂN"
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
        """The text without what is empty; `Invalid` names the first part that cannot stand."""
        if len(self.sections) != len(SECTIONS):
            raise Invalid(N_("Báo cáo phải có đủ năm phần."), field="section")
        for name, longest in _LONGEST.items():
            if len(getattr(self, name)) > longest:
                raise Invalid(N_("Ô này dài nhất %(longest)d ký tự."), field=name, longest=longest)
        if not self.issuer.strip():
            raise Invalid(N_("Hãy ghi tên cơ quan ban hành báo cáo."), field="issuer")
        texts = (self.issuer, self.parent, *self.sections, *self.remarks.values())
        if max(map(len, texts)) > _LONGEST_TEXT:
            raise Invalid(
                N_("Mỗi phần dài nhất %(longest)d ký tự."), field="section", longest=_LONGEST_TEXT
            )
        return replace(
            self,
            recipients=tuple(filter(None, map(str.strip, self.recipients))),
            remarks={code: text.strip() for code, text in self.remarks.items() if text.strip()},
        )

    def to_json(self) -> dict[str, object]:
        """What a draft and a snapshot keep."""
        return asdict(self) | {"signed_on": self.signed_on and self.signed_on.isoformat()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "ReportText":  # JSON as `to_json` wrote it
        """The value that `to_json` wrote."""
        signed_on = kept["signed_on"]
        return cls(
            **{
                **kept,
                "sections": tuple(kept["sections"]),
                "recipients": tuple(kept["recipients"]),
                "signed_on": date.fromisoformat(signed_on) if signed_on else None,
            }
        )


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
    is_city = unit.upper() == organisation.upper()
    is_committee = unit.upper().startswith(_COMMITTEE)  # it has no body above it on paper (II.2)
    return ReportText(
        parent="" if is_committee else organisation,
        issuer=unit,
        symbol="BC-UBND" if is_committee else "BC",
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
        authority="TM. Ủy ban nhân dân" if is_committee else "",
        title="Chủ tịch" if is_committee else "Thủ trưởng cơ quan",
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
    behind = sorted(_units(appendix), key=lambda row: row.covered - row.persons)[:_NAMED_UNITS]
    named = [f"{r.name} ({r.persons - r.covered} người)" for r in behind if r.covered < r.persons]
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


def _units(appendix: Appendix) -> Iterable[AppendixRow]:
    return (row for row in appendix.rows if row.level == 0)
