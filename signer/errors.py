"""The errors every floor may raise; doors alone turn them into HTTP answers or exit codes.

A message is one full Vietnamese sentence that a clerk can read. It is the key of the catalogue
(`translations/en`), so it is marked with `N_` where it is written and formatted with named
`%(name)s` fields only when a door shows it.
"""

from collections.abc import Callable, Mapping


def N_(sentence: str) -> str:  # gettext's traditional name for "mark, do not translate yet"
    """The sentence itself; marks it for the catalogue."""
    return sentence


class SignerError(Exception):
    """One sentence for a person, with the values that belong in it; never a secret."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.values = values

    def __str__(self) -> str:
        return worded(str, self.sentence, self.values)


class NotFound(SignerError):
    """The named thing does not exist, or this actor may not know that it does."""


class Forbidden(SignerError):
    """The actor is known and may not do this."""


class Conflict(SignerError):
    """Somebody else was first, or the thing is in another state by now."""


class Invalid(SignerError):
    """What was given cannot be accepted; `field` names the part of the form, if there is one."""

    def __init__(self, sentence: str, *, field: str | None = None, **values: object) -> None:
        super().__init__(sentence, **values)
        self.field = field


class Unavailable(SignerError):
    """Something outside the process is away; the same call works later, without a restart."""

    def __init__(self, sentence: str, *, retry_after_seconds: int = 5, **values: object) -> None:
        super().__init__(sentence, **values)
        self.retry_after_seconds = retry_after_seconds


class ConfigError(SignerError):
    """A setting or a file of the installation is wrong; found at start, not at first use."""


def worded(
    translate: Callable[[str], str], sentence: str, values: Mapping[str, object] | None = None
) -> str:
    """The sentence in the reader's language with its values filled in; all doors speak so.

    A value that is an error itself is worded in the same language.
    """
    if not values:
        return translate(sentence)
    said = {
        key: worded(translate, value.sentence, value.values)
        if isinstance(value, SignerError)
        else value
        for key, value in values.items()
    }
    return translate(sentence) % said
