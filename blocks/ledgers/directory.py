"""The ledger in a directory, as a block that flows on several workers share by name."""

from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field

from slipway.directory_store import DirectoryStore
from slipway.ledger import LedgerStore


class DirectoryLedger(Block):
    """Where the chains of records lie: one directory that every worker mounts."""

    _block_type_name = "Slipway directory ledger"
    _block_type_slug = "slipway-directory-ledger"
    _description = "The append-only chains of records, in a directory on a file system with links."

    root: Path = Field(
        title="Directory",
        description="Absolute path of the ledger. Every worker and keeper must reach it there.",
        examples=["/var/lib/slipway/ledger"],
    )

    def open(self) -> LedgerStore:
        """The store; the directory is made when the first record is written."""
        return DirectoryStore(self.root)
