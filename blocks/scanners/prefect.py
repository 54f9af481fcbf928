"""A scanner as operators save it."""

from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field

from blocks.scanners.trivy import Trivy


class TrivyScanner(Block):
    """Trivy with a database that is fetched apart from scans."""

    _block_type_name = "Slipway Trivy scanner"
    _block_type_slug = "slipway-trivy-scanner"
    _description = "Finds known vulnerabilities and lists packages; nothing passes without it."

    binary: str = Field(
        default="trivy",
        title="Trivy",
        description="The program, on PATH or by its path.",
        examples=["trivy", "/usr/local/bin/trivy"],
    )
    cache: Path = Field(
        title="Cache folder",
        description="Holds the advisory database, in its folder db.",
        examples=["/var/cache/trivy"],
    )
    minutes: float = Field(
        default=5,
        gt=0,
        title="Minutes",
        description="Longest time of one scan; over it, nothing passes.",
        examples=[5],
    )

    def open(self) -> Trivy:
        """The scanner."""
        return Trivy(self.binary, self.cache, self.minutes * 60)
