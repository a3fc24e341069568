"""Pages of lists that are too long to count: each page names the place where the next begins."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from signer.errors import N_, Invalid

_T = TypeVar("_T")

Place = tuple[str, int]
"""Where a page of people ended: the last one's `sort_key` (or code, or address) and id."""


@dataclass(frozen=True, kw_only=True)
class Page(Generic[_T]):
    """A piece of a long list; `next` is what `after` wants for the piece behind it."""

    items: tuple[_T, ...]
    next: str | None


def token_of(place: Place) -> str:
    """The place as letters that an address may carry."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(token: str) -> Place:
    """The place of a token; `Invalid` for what no page ever gave."""
    try:
        place, person_id = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not (0 < int(person_id) < 2**31 and str(place).isprintable()):
            raise ValueError("no place a page could have ended at")
        return str(place), int(person_id)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise Invalid(N_("Địa chỉ trang danh sách không đúng; hãy mở lại từ đầu.")) from error
