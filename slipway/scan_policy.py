"""What a scan may find, as data: severities, fixed-only, suppressions with an owner and an end."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from slipway.appfile_fields import FindingId, ImageScope, Owner, Section, Text
from slipway.quantities import Duration


class Severity(StrEnum):
    """Severities as scanners report them, the worst first."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    UNKNOWN = "UNKNOWN"


class Suppression(Section):
    """A finding that somebody answers for until a day. No key can be left out."""

    id: FindingId
    """The vulnerability, as in CVE-2024-22195."""
    owner: Owner
    """Who answers for it: a person or a team."""
    reason: Text
    """Why it does no harm here, for the one who reads the audit."""
    expires: date
    """The last day it counts, as in 2026-12-31; from the next day on the finding blocks again."""
    image: ImageScope
    """The image it is limited to, or "*" for every image of the app."""

    def covers(self, finding: str, image: str) -> bool:
        """Whether it speaks of this finding in this image."""
        return self.id == finding and self.image in ("*", image)


class ScanPolicy(Section):
    """Which findings stop a release."""

    severities: Annotated[tuple[Severity, ...], Field(max_length=5)] = (
        Severity.CRITICAL,
        Severity.HIGH,
    )
    """Severities that block. An empty list only reports, and every verdict says so."""
    fixed_only: bool = True
    """Block only findings that a newer version of the package fixes."""
    suppressions: Annotated[tuple[Suppression, ...], Field(max_length=200)] = ()
    """Findings that somebody answers for."""
    database_maximum_age: Duration = timedelta(days=7)
    """An advisory database older than this fails the scan."""
