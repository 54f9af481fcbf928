"""A commit becomes a candidate: tested, built, scanned beside the push, signed.

Runs in the process of a CI agent, tracked by the Prefect API:
`python -m flows.integrate --app-dir DIR --output-dir OUT`. The last line on standard output is the
candidate, the one string that the next stage needs.
"""

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow

from blocks.build_tier import BuildTier
from flows.build import build
from flows.push import push
from flows.scan import scan
from tasks.agent import run_agent, show_integrated
from tasks.checkout import copy_source, open_work, plan_images
from tasks.handover import Output, hand_over, hand_over_unchanged
from tasks.integrate import Integrated, side_by_side
from tasks.known import candidate_of, look_up
from tasks.push import convenience_tags
from tasks.runs import run_name, tag_app
from tasks.sign import build_facts, judge, sign
from tasks.test import run_tests
from tasks.told import told


@flow(name="integrate", flow_run_name=run_name("integrate", "app_dir"))
@told
async def integrate(
    app_dir: Path, output_dir: Path, dev: bool = False, version: str | None = None
) -> Integrated:
    """Test, build, scan, push and sign what git holds of the app.

    Args:
        app_dir: the app's folder with slipway.yaml, inside a git work tree.
        output_dir: where image-digest.env, trivy-report.json, SBOMs and JUnit reports go.
        dev: take uncommitted changes as well; such a candidate is for the first environment.
        version: semantic version to tag the images with, as in v1.2.3.
    """
    started, tier, output = datetime.now(UTC), BuildTier(), Output(output_dir)
    output.clear()
    async with open_work(app_dir, dev=dev) as work:
        app, tags = work.appfile.app, convenience_tags(work, version)
        await tag_app(app, work.version)
        planned = await plan_images(tier, work)
        known = await look_up(tier, work, planned)
        if known.candidate and known.is_complete:
            return await hand_over_unchanged(tier, known.candidate, known, tags, output)
        images = list(known.images)
        if not images:
            await copy_source(work)
            await run_tests(work, output_dir, tier.seconds)
            images = await build(app, planned, work.app)
        unscanned = known.left_to_scan(images)
        scanned, pushed = await side_by_side(scan(app, unscanned), push(app, planned, images))
        candidate = candidate_of(work, pushed)
        verdicts = await judge(work.appfile.scan, candidate, scanned, output)
        facts = None if known.candidate else build_facts(tier, planned, started)
        await sign(tier, candidate, work.version, scanned, verdicts, facts)
        built = [image.name for image in images if image.digest is None]
        return await hand_over(tier, candidate, known, verdicts, built, tags, output)


if __name__ == "__main__":
    run_agent(integrate, show_integrated)
