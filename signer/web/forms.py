"""Reading forms, and showing a refused one again with what was wrong and what was typed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import make_response, request
from flask.typing import ResponseReturnValue

from signer.doors import LARGEST_ID
from signer.errors import N_, Conflict, Forbidden, Invalid, SignerError
from signer.web.problems import status_of

_P = ParamSpec("_P")
_Kind = TypeVar("_Kind", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class FormError:
    """One thing wrong with a form: the part of it, if there is one, and the error itself."""

    field: str | None
    error: SignerError


def shown_again_by(
    page: Callable[..., ResponseReturnValue],
) -> Callable[[Callable[_P, ResponseReturnValue]], Callable[_P, ResponseReturnValue]]:
    """When the view refuses, `page` is shown once more, with `errors`, under the right status.

    `page` takes the view's own arguments and `errors: tuple[FormError, ...]`; what was typed is
    in `request.form`, as always.
    """

    def decorate(view: Callable[_P, ResponseReturnValue]) -> Callable[_P, ResponseReturnValue]:
        @wraps(view)
        def tried(*args: _P.args, **kwargs: _P.kwargs) -> ResponseReturnValue:
            try:
                return view(*args, **kwargs)
            except (Invalid, Conflict, Forbidden) as error:
                field = error.field if isinstance(error, Invalid) else None
                errors = (FormError(field=field, error=error),)
                answer = make_response(page(*args, **kwargs, errors=errors))
                answer.status_code = status_of(error)
                return answer

        return tried

    return decorate


def required(name: str, sentence: str = N_("Ô này không được để trống.")) -> str:
    """The text of a form's field, without spaces around it; `Invalid` when there is none."""
    text = request.form.get(name, "").strip()
    if not text:
        raise Invalid(sentence, field=name)
    return text


def choice(kinds: type[_Kind], typed: str | None) -> _Kind | None:
    """The member of that value; None when it is none of them."""
    return next((kind for kind in kinds if kind == typed), None)


def number_in_query(name: str) -> int | None:
    """A whole number of the address; None when it is absent or is something else."""
    number = request.args.get(name, type=int)
    return number if number is not None and 0 <= number <= LARGEST_ID else None


def numbers_in(name: str) -> list[int]:
    """The ids that a form or an address gives under this name, each once; what is none is left."""
    typed = request.values.getlist(name, type=int)
    return list(dict.fromkeys(number for number in typed if 0 <= number <= LARGEST_ID))


def json_in(name: str, sentence: str) -> dict[str, Any]:  # what a script put there, still unchecked
    """The JSON object in the form's field; `Invalid` with the sentence when there is none."""
    try:
        value = json.loads(request.form.get(name, ""))
    except ValueError as error:
        raise Invalid(sentence) from error
    if not isinstance(value, dict):
        raise Invalid(sentence)
    return value


def day_from(values: Mapping[str, str], name: str) -> date | None:
    """The day that a date field sends (ISO 8601); None when it was left empty."""
    text = values.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(N_("“%(text)s” không phải là một ngày."), field=name, text=text) from error
