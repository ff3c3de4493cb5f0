"""What an estimate means for a user, and what to do where an image is not restored."""

from __future__ import annotations

from collections.abc import Sequence

from unsmear import advice
from unsmear.estimate.processed import told_once
from unsmear.estimate.result import SURE, Estimate
from unsmear.local_page.work import Finding


def of(finding: Finding) -> str:
    """Return what to do where an exposure is not restored; "" where it is."""
    estimate = finding.estimate
    if finding.moved:
        return ""
    if estimate is None:
        return advice.sentence("contradicted", advice.PAGE)
    processed = "" if estimate.processed is None else estimate.processed.kind
    why = advice.reason(estimate.kind, processed, estimate.doubt, estimate.unsure)
    return advice.sentence(why, advice.PAGE)


def sentences(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return what was found for each exposure, as sentences; what is said of the file, once."""
    named = [": ".join(filter(None, (one.planes, one.movement))) for one in findings]
    return tuple(f"{words[:1].upper()}{words[1:]}." for words in told_once(named))


def verdict(findings: Sequence[Finding]) -> str:
    """Return the verdict on an image: whether it moved, or whether that is unsure."""
    if any(finding.moved for finding in findings):
        return "moved"
    estimates = [finding.estimate for finding in findings if finding.estimate is not None]
    if not estimates:
        return ""
    if all(map(_is_still, estimates)):
        return "still"
    return "defocus" if all(one.kind == "defocus" for one in estimates) else "unsure"


def _is_still(estimate: Estimate) -> bool:
    return estimate.kind == "none" and estimate.confidence >= SURE and estimate.processed is None
