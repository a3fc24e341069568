"""What the check of a roster found: by row and column, in the clerk's words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum

from signer.inventory.fields import Column, Field, as_text
from signer.inventory.roster import TableRow

_INSTEAD = {Field.FULL_NAME: Field.GIVEN_NAME, Field.BIRTH_DATE: Field.BIRTH_DATE_MALE}
"""Where a roster that splits the column has it."""


class Severity(StrEnum):
    """An error refuses its row; a warning imports it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One remark about one cell, or about the row when `column` is empty.

    `sentence` and `hint_sentence` are catalogue keys with named fields; a door translates and
    formats them with `values`. `message` and `hint` are the Vietnamese, ready to print.
    """

    severity: Severity
    row: int
    """The spreadsheet's own row number, from 1."""
    column: str
    """The spreadsheet's column letter, such as F."""
    heading: str
    """What the roster's header calls that column."""
    value: str
    """The cell as it was read, at most 200 characters."""
    sentence: str
    hint_sentence: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """What is wrong, in Vietnamese."""
        return self.sentence % self.values

    @property
    def hint(self) -> str:
        """What to do about it, in Vietnamese; empty when there is nothing to add."""
        return self.hint_sentence % self.values

    def to_json(self) -> dict[str, object]:
        """Everything, with the Vietnamese sentences, for the command line and the API."""
        return asdict(self) | {"message": self.message, "hint": self.hint}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> "Finding":
        """The finding that `to_json` wrote."""
        kept = {f.name: stored[f.name] for f in fields(cls) if f.name in stored}
        return cls(**(kept | {"severity": Severity(str(stored["severity"]))}))  # type: ignore[arg-type]  # our own JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """Something about one field of a row, not yet tied to the column it stands in."""

    severity: Severity
    field: Field
    sentence: str
    hint: str = ""
    values: Mapping[str, object]

    def in_row(self, row: TableRow, columns: Mapping[Field, Column]) -> Finding:
        """The finding, with its column and the cell as it was read."""
        column = columns.get(self.field) or columns.get(_INSTEAD.get(self.field, self.field))
        return Finding(
            severity=self.severity,
            row=row.number,
            column=column.letter if column else "",
            heading=column.heading if column else "",
            value=as_text(row.cells.get(column.field if column else self.field))[:200],
            sentence=self.sentence,
            hint_sentence=self.hint,
            values={k: v if isinstance(v, int) else str(v) for k, v in self.values.items()},
        )


def error(field: Field, sentence: str, hint: str = "", /, **values: object) -> Remark:
    """A remark that refuses its row."""
    return Remark(severity=Severity.ERROR, field=field, sentence=sentence, hint=hint, values=values)


def warning(field: Field, sentence: str, /, **values: object) -> Remark:
    """A remark on a row that goes in."""
    return Remark(severity=Severity.WARNING, field=field, sentence=sentence, values=values)
