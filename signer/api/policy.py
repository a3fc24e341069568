"""What each state of service means: counted, may sign, what it asks of a certificate."""

from dataclasses import asdict, replace

from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import Operations, Schema
from signer.api.wording import Said
from signer.inventory.policy import rules
from signer.inventory.states import Consequence, PersonState
from signer.services import services

policy = Operations("policy", "The policy of the states of service")


class PolicyRuleBody(Schema):
    """What is decided about one state."""

    state = fields.Enum(PersonState, by_value=True, required=True)
    counted = fields.Boolean(required=True)
    may_sign = fields.Boolean(required=True)
    consequence = fields.Enum(Consequence, by_value=True, required=True)


class PolicyRuleAnswer(PolicyRuleBody):
    """A state with its rule; `has_left` is no decision of anybody's."""

    label = Said(required=True)
    has_left = fields.Boolean(required=True)


class PolicyAnswer(Schema):
    """Every state, in the order of a form."""

    states = fields.List(fields.Nested(PolicyRuleAnswer), required=True)


class PolicyBody(Schema):
    """The states that change."""

    states = fields.List(fields.Nested(PolicyRuleBody), required=True)
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only say what it does"})


class PolicyLineAnswer(Schema):
    """What the change does about one state."""

    state = fields.String(required=True)
    people = fields.Integer(required=True)
    moves = fields.Integer(
        required=True, metadata={"description": "By how many persons the denominator grows"}
    )


class PolicyChangeAnswer(Schema):
    """What changed, or would; `job_id` when a job moves many people."""

    states = fields.List(fields.Nested(PolicyLineAnswer), required=True)
    job_id = fields.Integer(required=True, allow_none=True)


@policy.get("/policy", Permission.POLICY_MANAGE, answer=PolicyAnswer())
def get_policy() -> dict[str, object]:
    """The policy of every state."""
    actor().require(Permission.POLICY_MANAGE, "")
    return {"states": [{"state": state, **asdict(rule)} for state, rule in rules().items()]}


@policy.post("/policy", Permission.POLICY_MANAGE, body=PolicyBody, answer=PolicyChangeAnswer())
def change_policy(states: list[dict[str, object]], dry_run: bool) -> dict[str, object]:
    """Change the policy from today on; days before keep what was counted then."""
    room, wanted = services().inventory.policy, {}
    for told in states:
        state = PersonState(str(told.pop("state")))
        wanted[state] = replace(rules()[state], **told)  # type: ignore[arg-type]  # the schema's own
    lines = room.preview(actor(), wanted)
    return {"states": lines, "job_id": None if dry_run else room.change(actor(), wanted)}
