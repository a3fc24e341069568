"""Whose turn it is: a step is done, and what comes after it."""

from sqlalchemy import select, update

from signer.db import db, move_state
from signer.dossiers.models import Document, Dossier, Step, StepKind
from signer.dossiers.views import DocumentView, StepView
from signer.errors import N_, Forbidden

DONE = ("stamping", "signed")


def own_step(document: DocumentView, person_id: int) -> StepView:
    """The person's step that waits, else the last one done, else any; `Forbidden` without one."""
    own = [step for step in document.steps if step.person_id == person_id]
    if not own:
        raise Forbidden(N_("Tài liệu này không chờ chữ ký của bạn."))
    return max(own, key=lambda step: (step.state == "waiting", step.state in DONE, step.position))


def pass_on(document: DocumentView, position: int) -> None:
    """The next step's turn has come, or the document is done; in the open transaction.

    The transaction has recorded something before, so that nobody adds a step meanwhile.
    """
    (acted,) = (step for step in document.steps if step.position == position)
    if acted.kind is StepKind.SEAL:
        _release_appendices(document.dossier_id)
    following = db.session.scalar(
        select(Step.id)
        .where(Step.document_id == document.id, Step.state == "blocked")
        .order_by(Step.position)
        .limit(1)
    )
    if following is not None:
        move_state(Step, following, "blocked", "waiting")
        return
    move_state(Document, document.id, "waiting", "signed")
    others = select(Document.id).where(
        Document.dossier_id == document.dossier_id, Document.state != "signed"
    )
    db.session.execute(
        update(Dossier)
        .where(Dossier.id == document.dossier_id, Dossier.state == "open", ~others.exists())
        .values(state="done")
        .execution_options(synchronize_session="fetch")
    )


def _release_appendices(dossier_id: int) -> None:
    """Appendices get their seal after the main document (Decree 30/2020, Appendix I, II.8b)."""
    waiting = select(Document.id).where(Document.dossier_id == dossier_id)
    db.session.execute(
        update(Step)
        .where(
            Step.document_id.in_(waiting),
            Step.kind == StepKind.APPENDIX,
            Step.position == 1,
            Step.state == "blocked",
        )
        .values(state="waiting")
        .execution_options(synchronize_session=False)
    )
