"""What an examination finds: a subject, whether it is well, and what to do if it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a subject is; only a failure keeps the service from running as it should."""

    WELL = "ok"
    WARNING = "warning"
    FAILURE = "failed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One subject, in words for an operator; ``advice`` is empty where nothing is to be done."""

    subject: str
    verdict: Verdict
    told: str
    advice: str = ""


def well(subject: str, told: str) -> Diagnosis:
    """Return that ``subject`` is as it should be."""
    return Diagnosis(subject, Verdict.WELL, told)


def warning(subject: str, told: str, advice: str) -> Diagnosis:
    """Return that ``subject`` works and could be better."""
    return Diagnosis(subject, Verdict.WARNING, told, advice)


def failure(subject: str, told: str, advice: str) -> Diagnosis:
    """Return that the service cannot run, or not safely, until ``advice`` is followed."""
    return Diagnosis(subject, Verdict.FAILURE, told, advice)
