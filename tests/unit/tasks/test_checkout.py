"""What integrate reads of a commit before anything is built (S0-05, G3)."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from slipway.errors import BadInput
from slipway.manifests import unpack
from tasks.checkout import open_work

APPFILE = """
app: shop
images: {web: {port: 8000}}
environments:
  dev: {platform: kubernetes, manifests: deploy/, port: 80}
"""
MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: web}}
  template:
    metadata: {labels: {app.kubernetes.io/name: web}}
    spec:
      hostNetwork: false
      containers: [{name: web, image: web}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app.kubernetes.io/name: web}, ports: [{port: 80}]}
"""


def committed(folder: Path, manifests: str) -> Path:
    (folder / "deploy").mkdir()
    (folder / "slipway.yaml").write_text(APPFILE)
    (folder / "deploy" / "web.yaml").write_text(manifests)
    identity = ["-c", "user.name=Ann Author", "-c", "user.email=ann@example.com"]
    for argv in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "First"]):
        subprocess.run(["git", *identity, *argv], cwd=folder, check=True, capture_output=True)
    return folder


async def bundles_of(app: Path) -> dict[str, bytes]:
    async with open_work(app, dev=False) as work:
        return dict(work.bundles)


def test_manifests_are_read_at_the_commit(tmp_path: Path) -> None:
    app = committed(tmp_path, MANIFESTS)
    (app / ".git" / "info" / "exclude").write_text("*.yml\n")
    (app / "deploy" / "stray.yml").write_text("not: in git\n")
    found = asyncio.run(bundles_of(app))
    assert [file.path for file in unpack(found["deploy"])] == ["web.yaml"]


def test_manifests_that_break_a_rule_are_refused_before_a_build(tmp_path: Path) -> None:
    app = committed(tmp_path, MANIFESTS.replace("hostNetwork: false", "hostNetwork: true"))
    with pytest.raises(BadInput, match=r"deploy for dev: web.yaml, document 1 .*hostNetwork"):
        asyncio.run(bundles_of(app))
