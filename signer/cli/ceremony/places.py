"""YAML with the line of every part, and faults that name line and field."""

from collections.abc import Mapping
from typing import Any

import yaml

from signer.cli.ceremony.plan import Nonsense, Place
from signer.errors import N_, ConfigError, SignerError

_LIMIT_CHARACTERS = 256 * 1024


def parsed(text: str, file: str) -> tuple[Any, dict[Place, int]]:
    """The file's value, every scalar a string, and the line of each part of it."""
    lines: dict[Place, int] = {}
    try:
        if len(text) > _LIMIT_CHARACTERS or any(
            isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)
        ):
            raise ConfigError(
                N_("Tệp nghi lễ %(file)s quá lớn hoặc dùng tham chiếu (*) của YAML."), file=file
            )
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _value(node, (), lines), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        why = SignerError(N_("Không đúng cú pháp YAML."))
        raise ConfigError(_AT_LINE, file=file, line=line, why=why) from error
    except yaml.YAMLError as error:
        why = SignerError(N_("Không đúng cú pháp YAML."))
        raise ConfigError(_AT_LINE, file=file, line=1, why=why) from error
    except Nonsense as error:
        raise fault_at(file, error.place, lines, error.why) from error


def _value(node: Any, place: Place, lines: dict[Place, int]) -> Any:  # a node of PyYAML
    """Plain lists, dictionaries and strings: YAML's guesses at types are not asked for."""
    if node is None:
        return None
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*place, i), lines) for i, child in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key_node, child in node.value:
        key = str(key_node.value)
        lines[(*place, key)] = key_node.start_mark.line + 1
        if key in found:  # YAML itself would silently keep the last
            raise Nonsense((*place, key), N_("Mục này được viết hai lần."))
        found[key] = _value(child, (*place, key), lines)
        lines[(*place, key)] = key_node.start_mark.line + 1
    return found


def first_fault(messages: Any, lines: Mapping[Place, int]) -> tuple[Place, str]:
    """The fault highest in the file, of marshmallow's tree of them."""
    return min(_all_faults(messages), key=lambda fault: _line(fault[0], lines))


def _all_faults(messages: Any, place: Place = ()) -> list[tuple[Place, str]]:
    """marshmallow's tree of messages as (place, sentence)."""
    if isinstance(messages, dict):
        return [
            fault
            for key, below in messages.items()
            for fault in _all_faults(below, place if key == "_schema" else (*place, key))
        ]
    if isinstance(messages, list):
        return [fault for below in messages for fault in _all_faults(below, place)]
    return [(place, str(messages))]


def _line(place: Place, lines: Mapping[Place, int]) -> int:
    """The line of the part, or of what it is missing in."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def fault_at(file: str, place: Place, lines: Mapping[Place, int], why: SignerError) -> ConfigError:
    """The error that a person reads."""
    field = ".".join(str(p + 1 if isinstance(p, int) else p) for p in place)
    line = _line(place, lines)
    if not field:
        return ConfigError(_AT_LINE, file=file, line=line, why=why)
    return ConfigError(_AT_FIELD, file=file, line=line, field=field, why=why)


_AT_LINE = N_("Tệp nghi lễ %(file)s, dòng %(line)d: %(why)s")
_AT_FIELD = N_("Tệp nghi lễ %(file)s, dòng %(line)d, mục %(field)s: %(why)s")
