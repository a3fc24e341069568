"""How a page is declared: its address, who may open it, and which page shows a refused form."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from signer.accounts import Permission
from signer.doors import Access, marked
from signer.web.forms import shown_again_by

_View = TypeVar("_View", bound=Callable[..., Any])  # a view returns whatever Flask can answer
_FormView = TypeVar("_FormView", bound=Callable[..., ResponseReturnValue | None])
_Page = Callable[..., ResponseReturnValue]


class Pages(Blueprint):
    """A group of pages; over which units a permission is needed, the service says."""

    def page(self, rule: str, access: Access | Permission) -> Callable[[_View], _View]:
        """The view shows a page."""
        return lambda view: self.get(rule)(marked(view, access))

    def form(
        self, rule: str, access: Access | Permission, *, again: _Page | None = None
    ) -> Callable[[_FormView], _FormView]:
        """The view takes a form; when it refuses, the page `again` shows it with what was wrong.

        `again` gets those of the view's arguments that it knows, and `errors`. A view that
        answers nothing leads there as well.
        """

        def declare(view: _FormView) -> _FormView:
            answering: Callable[..., Any] = _leading_back(view, again) if again else view
            self.post(rule)(marked(answering, access))
            return view

        return declare


def told(sentence: str, endpoint: str, **values: Any) -> ResponseReturnValue:  # `url_for`'s own
    """The way to another page, which says the sentence first."""
    flash(sentence, "ok")
    return redirect(url_for(endpoint, **values))


def _leading_back(view: _FormView, page: _Page) -> _Page:
    def known(values: dict[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in signature(page).parameters if name in values}

    @shown_again_by(lambda **values: page(**known(values)))
    @wraps(view)
    def answered(**values: Any) -> ResponseReturnValue:  # what Flask found in the address
        answer = view(**values)
        if answer is None:
            return redirect(url_for(f".{page.__name__}", **known(values)))
        return answer

    return answered
