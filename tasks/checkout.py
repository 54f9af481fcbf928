"""The source: what git holds, what it plans to build, and a clean copy to work in."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from blocks.build_tier import BuildTier
from blocks.builders.docker import plan_image
from blocks.builders.folders import read_bundles
from blocks.builders.git import Checkout, GitTree, checked_out
from blocks.builders.inputs import PlannedImage
from blocks.builders.keys import recall
from slipway.appfile import SOURCE, AppFile, parse
from slipway.manifest_rules import check_all
from slipway.strict_yaml import MAX_BYTES
from tasks.acts import act
from tasks.notes import note


@dataclass(frozen=True)
class Work:
    """One run of integrate.

    Attributes:
        bundles: folder of the app file to the packed manifests or chart in it.
        app: folder for the clean copy; empty until `copied`.
        scratch: folder for everything else that must not outlive the run.
    """

    tree: GitTree
    appfile_data: bytes
    appfile: AppFile
    bundles: Mapping[str, bytes]
    app: Path
    scratch: Path

    @property
    def checkout(self) -> Checkout:
        """What was checked out."""
        return self.tree.checkout

    @property
    def version(self) -> str:
        """The commit as images are tagged by it; with its changes where they are not committed."""
        checkout = self.checkout
        changes = f"-dirty-{checkout.tree[:12]}" if checkout.changed else ""
        return checkout.revision + changes


@asynccontextmanager
async def open_work(app_dir: Path, *, dev: bool) -> AsyncIterator[Work]:
    """The app's source as git sees it; everything made for the run is removed afterwards.

    Raises:
        BadInput: no repository, no commit, or an app file, manifests or chart that is not valid.
        Refused: uncommitted changes, unless `dev`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="slipway-integrate-") as name,
        checked_out(app_dir, allow_changes=dev) as tree,
    ):
        folder = Path(name)
        app, scratch = folder / "app", folder / "scratch"
        app.mkdir()
        scratch.mkdir(mode=0o700)
        data = tree.read(SOURCE, limit=MAX_BYTES)
        appfile = parse(data, SOURCE)
        bundles = read_bundles(tree, appfile)
        check_all(appfile, bundles)
        work = Work(tree, data, appfile, bundles, app, scratch)
        note(f"{work.appfile.app} at {work.version[:20]} by {work.checkout.author}")
        yield work


async def plan_images(tier: BuildTier, work: Work) -> list[PlannedImage]:
    """What decides each image, and the digest of those that were built before.

    Raises:
        SlipwayError: as `plan_image` and `recall`.
    """
    return await act("images planned", "build", lambda: asyncio.to_thread(_plan, tier, work))


def _plan(tier: BuildTier, work: Work) -> list[PlannedImage]:
    planned = [plan_image(work.tree, work.appfile, n, tier.bases) for n in work.appfile.images]
    with tier.registry() as registry:
        return [
            image.model_copy(
                update={"digest": recall(registry, image.path, image.inputs, tier.trusted)}
            )
            for image in planned
        ]


async def copy_source(work: Work) -> None:
    """A clean checkout in `work.app`; commands and builds see nothing else."""
    await act("source copied", "checkout", lambda: asyncio.to_thread(work.tree.copy_to, work.app))
