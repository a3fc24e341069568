"""Pages of lists that are too long to count: each page names the place where the next begins."""

import base64
import json
from collections.abc import Callable, Iterator
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
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(_NO_PLACE) from error
    is_place = isinstance(place, str) and place.isprintable()
    if not is_place or not isinstance(person_id, int) or not 0 < person_id < 2**31:
        raise Invalid(_NO_PLACE)
    return place, person_id


def whole(page_after: Callable[[str | None], Page[_T]]) -> Iterator[tuple[_T, ...]]:
    """All of a list, page by page, each read as it is taken."""
    after: str | None = None
    while True:
        page = page_after(after)
        yield page.items
        if (after := page.next) is None:
            return


_NO_PLACE = N_("Địa chỉ trang danh sách không đúng; hãy mở lại từ đầu.")
