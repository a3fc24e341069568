"""The jobs room: long work as rows, with progress, pause, retry and resume for free."""

from signer.jobs.service import Failure, Jobs, Progress

__all__ = ["Failure", "Jobs", "Progress"]
