"""The JSON door: the same services as the pages, described by OpenAPI, opened by bearer tokens."""

from flask import Flask

from signer import __version__
from signer.api import docs, problems
from signer.api.accounts import accounts, me, sessions
from signer.api.campaigns import campaigns
from signer.api.coverage import coverage
from signer.api.documents import documents
from signer.api.dossiers import dossiers
from signer.api.jobs import jobs
from signer.api.operations import make_api
from signer.api.outside import outside
from signer.api.person import duplicates, people
from signer.api.policy import policy
from signer.api.reports import reports
from signer.api.requests import expiring, requests
from signer.api.revocations import revocations
from signer.api.rosters import rosters
from signer.api.seals import seals
from signer.api.signature_image import signature_image
from signer.api.units import units
from signer.api.verify import verify

GROUPS = (
    sessions,
    me,
    units,
    people,
    duplicates,
    policy,
    rosters,
    requests,
    expiring,
    outside,
    revocations,
    seals,
    jobs,
    dossiers,
    documents,
    signature_image,
    verify,
    coverage,
    campaigns,
    reports,
    accounts,
)


def register(app: Flask) -> None:
    """The application serves every operation and its description."""
    problems.register(app)
    api = make_api(app, GROUPS, title="signer", version=__version__)
    docs.serve(app, api.spec.to_dict())
