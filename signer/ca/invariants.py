"""What must hold of the ledger, one `Rule` each, and what is found when one does not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select
from sqlalchemy.orm import InstrumentedAttribute

from signer.db import db
from signer.errors import N_


class Rule(StrEnum):
    """One thing that must hold; `RULES` has its sentence."""

    AUDIT = "audit-chain"
    RECORDED = "recorded"
    SERIAL = "serial"
    ONE_TBS = "one-tbs"
    SIGNATURE = "signature"
    FACTS = "facts"
    HISTORY = "history"
    FINAL = "revoked-stays"
    WAITING = "nothing-waits"
    CRL = "crl"
    OCSP = "ocsp"
    KEY = "signing-key"
    WRAPPED = "wrapped-key"
    SEALED = "sealed-key"


RULES: Mapping[Rule, str] = {
    Rule.AUDIT: N_("Nhật ký còn nguyên vẹn từ sự kiện đầu tiên."),
    Rule.RECORDED: N_("Mọi chứng thư mang chữ ký của CA đều có trong sổ."),
    Rule.SERIAL: N_("Mỗi số hiệu chỉ dùng cho một chứng thư."),
    Rule.ONE_TBS: N_("Mỗi số hiệu chỉ có một nội dung được ký, đúng như đã lưu trước khi ký."),
    Rule.SIGNATURE: N_("Chữ ký của CA trên mọi chứng thư đều đúng."),
    Rule.FACTS: N_("Những gì sổ ghi về khóa, thời hạn và CRL đúng như trong chứng thư."),
    Rule.HISTORY: N_("Trạng thái của mỗi chứng thư đúng như nhật ký kể lại."),
    Rule.FINAL: N_("Chứng thư đã thu hồi không có hiệu lực trở lại."),
    Rule.WAITING: N_("Không có số hiệu nào bị bỏ dở quá lâu."),
    Rule.CRL: N_("Danh sách chứng thư bị thu hồi khớp với sổ."),
    Rule.OCSP: N_("Câu trả lời OCSP đã lưu khớp với sổ."),
    Rule.KEY: N_("Mỗi chứng thư cá nhân có đúng khóa ký của nó."),
    Rule.WRAPPED: N_("Khóa ký đang lưu mở được trong HSM và đúng với khóa công khai."),
    Rule.SEALED: N_("Khóa đã kích hoạt chỉ còn trong bao niêm phong bằng mã PIN."),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A row that breaks a rule or, when `is_open`, a rule that could not be looked at."""

    rule: Rule
    row: str
    """`kind:key`, such as `certificate:1f00`, `crl:17`, `event:991`, `key:5`, `file:ocsp.pem`."""
    sentence: str
    values: Mapping[str, object] = field(default_factory=dict)
    is_open: bool = False


AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]
Progress = Callable[[int], None]
"""Called with the number of rows looked at since the last call."""
PAGE = 500
"""Rows read at a time: memory does not grow with the ledger."""


@contextmanager
def one_instant() -> Iterator[None]:
    """All that this thread reads inside is of one instant, however long the reading takes.

    Nothing may be written inside. A server that goes on working causes no false alarm.
    """
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":  # SQLite's reads are of one instant in any case
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        yield
    finally:
        db.session.rollback()


def pages(statement: AnySelect, key: InstrumentedAttribute[int]) -> Iterator[list[AnyRow]]:
    """The statement's rows, a page at a time, by the rising `key`, which it must select.

    Rows of one key come on one page, unless they are more than a whole one.
    """
    last = -1
    while page := db.session.execute(statement.where(key > last).order_by(key).limit(PAGE)).all():
        rows, end = list(page), getattr(page[-1], key.key)
        if len(rows) == PAGE:  # more rows of the last key may follow: they wait for the next page
            rows = [row for row in rows if getattr(row, key.key) != end] or rows
        yield rows
        last = getattr(rows[-1], key.key)
