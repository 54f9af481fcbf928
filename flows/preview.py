"""A commit that may not be released is tested, built and scanned; nothing is pushed or signed.

For branches and pull requests, whose authors may write anything into them: it takes no credential.
`python -m flows.preview --app-dir DIR --output-dir OUT` in the process of a CI agent.
"""

from pathlib import Path

from prefect import flow

from tasks.agent import run_agent, show_previewed
from tasks.build import build_image
from tasks.checkout import copy_source, open_work
from tasks.handover import Output
from tasks.integrate import Previewed
from tasks.preview import judge_unpushed, plan_anew, preview_tier
from tasks.runs import run_name, tag_app
from tasks.scan import scan_image
from tasks.test import run_tests
from tasks.told import told


@flow(name="preview", flow_run_name=run_name("preview", "app_dir"))
@told
async def preview(app_dir: Path, output_dir: Path, dev: bool = False) -> Previewed:
    """Test, build and scan what git holds of the app.

    Args:
        app_dir: the app's folder with slipway.yaml, inside a git work tree.
        output_dir: where trivy-report.json, SBOMs and JUnit reports go.
        dev: take uncommitted changes as well.
    """
    tier, output = preview_tier(), Output(output_dir)
    output.clear()
    async with open_work(app_dir, dev=dev) as work:
        await tag_app(work.appfile.app, work.version)
        planned = await plan_anew(tier, work)
        await copy_source(work)
        await run_tests(work, output_dir, tier.seconds)
        images = [await build_image(tier, image, work.app) for image in planned]
        scanned = [await scan_image(tier, image) for image in images]
        verdicts = await judge_unpushed(tier, work, images, scanned, output)
        return Previewed(verdicts=tuple(verdicts), built=tuple(image.name for image in images))


if __name__ == "__main__":
    run_agent(preview, show_previewed, versioned=False)
