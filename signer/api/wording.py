"""The house's sentences in answers, in the language the caller asked for."""

from typing import Any

from flask_babel import force_locale
from marshmallow import fields
from marshmallow.utils import get_value

from signer.api.problems import language, translated


def say(sentence: str, /, **values: object) -> str:
    """A sentence marked with `N_`, in the caller's language, its values filled in."""
    if not sentence:
        return ""
    with force_locale(language()):
        return translated(sentence, values)


class Said(fields.String):
    """A catalogue sentence; `values` names the attribute with what belongs in it."""

    def __init__(self, *, values: str = "values", **kwargs: Any) -> None:  # marshmallow's own
        self._values = values
        super().__init__(**kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        values = get_value(obj, self._values, None)
        return say(str(value), **(values if isinstance(values, dict) else {}))
