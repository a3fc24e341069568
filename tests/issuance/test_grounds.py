"""The closed lists of articles 15 and 17, and what each ground allows."""

import pytest

from signer.ca.crl import RevocationReason
from signer.inventory.states import STATE_RULES, Consequence
from signer.issuance.grounds import GROUND_OF_STATE, GROUNDS, Act, Ground, Holder, grounds_for

_ARTICLE_15 = "Nghị định 68/2024/NĐ-CP, Điều 15"
_ARTICLE_17 = "Nghị định 68/2024/NĐ-CP, Điều 17"

R, S, C = Act.REVOKE, Act.SUSPEND, Act.CHANGE
LISTS = [  # domain.md section 1.3, line by line
    ("key_exposed", _ARTICLE_17, Holder.ANYBODY, {R, S}, RevocationReason.KEY_COMPROMISE),
    ("device_lost", _ARTICLE_17, Holder.ANYBODY, {R, S}, RevocationReason.KEY_COMPROMISE),
    ("device_unsafe", _ARTICLE_17, Holder.ANYBODY, {R, S}, RevocationReason.KEY_COMPROMISE),
    ("device_broken", _ARTICLE_17, Holder.ANYBODY, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("prosecution_request", _ARTICLE_17, Holder.ANYBODY, {R}, RevocationReason.PRIVILEGE_WITHDRAWN),
    ("police_request", _ARTICLE_17, Holder.ANYBODY, {R}, RevocationReason.PRIVILEGE_WITHDRAWN),
    (
        "managing_body_request",
        _ARTICLE_17,
        Holder.ANYBODY,
        {R},
        RevocationReason.PRIVILEGE_WITHDRAWN,
    ),
    ("new_position", _ARTICLE_17, Holder.PERSON, {R}, RevocationReason.AFFILIATION_CHANGED),
    ("retired", _ARTICLE_17, Holder.PERSON, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("resigned", _ARTICLE_17, Holder.PERSON, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("deceased", _ARTICLE_17, Holder.PERSON, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("body_dissolved", _ARTICLE_17, Holder.BODY, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("body_split", _ARTICLE_17, Holder.BODY, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("body_merged", _ARTICLE_17, Holder.BODY, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("system_stopped", _ARTICLE_17, Holder.SYSTEM, {R}, RevocationReason.CESSATION_OF_OPERATION),
    ("changed_body", _ARTICLE_15, Holder.PERSON, {C}, RevocationReason.AFFILIATION_CHANGED),
    ("changed_email", _ARTICLE_15, Holder.PERSON, {C}, RevocationReason.SUPERSEDED),
    ("body_renamed", _ARTICLE_15, Holder.BODY, {C}, RevocationReason.SUPERSEDED),
    ("body_moved", _ARTICLE_15, Holder.BODY, {C}, RevocationReason.SUPERSEDED),
    ("system_renamed", _ARTICLE_15, Holder.SYSTEM, {C}, RevocationReason.SUPERSEDED),
    ("system_upgraded", _ARTICLE_15, Holder.SYSTEM, {C}, RevocationReason.SUPERSEDED),
]


def test_the_lists_are_those_of_the_decree() -> None:
    """Nothing more, nothing less, but for the suspension from duty, which is the city's own."""
    assert {*GROUNDS} == {*(Ground(line[0]) for line in LISTS), Ground.SUSPENDED_FROM_DUTY}
    assert {*GROUNDS} == {*Ground}


@pytest.mark.parametrize(("code", "source", "holder", "acts", "reason"), LISTS)
def test_a_ground_says_where_it_stands_and_what_it_allows(
    code: str, source: str, holder: Holder, acts: set[Act], reason: RevocationReason
) -> None:
    """One row per line of the lists."""
    rule = GROUNDS[Ground(code)]
    assert (rule.source, rule.holder, rule.acts, rule.reason) == (source, holder, acts, reason)
    assert rule.needs_document is not (reason is RevocationReason.KEY_COMPROMISE)
    assert rule.is_urgent is (reason is RevocationReason.KEY_COMPROMISE)


def test_a_form_offers_what_concerns_a_person() -> None:
    """No body's and no software's grounds; a release has none of its own."""
    for act in (Act.REVOKE, Act.SUSPEND, Act.CHANGE):
        offered = grounds_for(act)
        assert offered
        assert all(rule.holder in (Holder.ANYBODY, Holder.PERSON) for rule in offered)
        assert all(act in rule.acts for rule in offered)
    assert grounds_for(Act.RELEASE) == ()


def test_every_state_that_asks_for_something_has_its_ground() -> None:
    """And no other state has one."""
    asks = {s for s, rule in STATE_RULES.items() if rule.consequence is not Consequence.NONE}
    assert set(GROUND_OF_STATE) == asks
