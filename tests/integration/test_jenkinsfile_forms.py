"""The Jenkinsfile as text: short, linted, and sound in the style in which Jenkins runs Groovy.

Maven and npm fetch what they need; where they are missing the tests say so.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.rig.jenkins.controller import JENKINSFILE

pytestmark = pytest.mark.jenkins

RIG = Path(__file__).parent.parent / "rig" / "jenkins"
CREDENTIALS = {
    *("prefect-api-url", "prefect-api-key", "prefect-api-auth"),
    *("docker-registry-credentials", "git-credentials"),
    *("build-signing-key", "build-mail-credentials"),
}


def program(name: str) -> str:
    """Path of a program that a test needs."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def ran(argv: list[str], folder: Path) -> str:
    done = subprocess.run(
        argv,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """groovy-cps and what drives it, from Maven Central."""
    folder = tmp_path_factory.mktemp("cps")
    shutil.copy(RIG / "cps" / "pom.xml", folder)
    copy = "dependency:copy-dependencies"
    ran([program("mvn"), "-q", "-B", copy, f"-DoutputDirectory={folder}/jars"], folder)
    return folder / "jars"


def steps_of(jars: Path, folder: Path, *, text: str = "", **env: str) -> dict[str, Any]:
    """What the file does in continuation-passing style."""
    (folder / "Jenkinsfile").write_text(text or JENKINSFILE.read_text())
    base = {"PATH": "/bin", "WORKSPACE": "/w", "WORKSPACE_TMP": "/w@tmp", "SLIPWAY_MAIL_TO": "a@b"}
    given = {
        "params": {"MODE": "release", "APP_DIR": "."},
        "env": {**base, **env},
        "causes": [{"userId": "ann"}],
    }
    (folder / "given.json").write_text(json.dumps(given))
    argv = ["java", "-cp", f"{jars}/*", "groovy.ui.GroovyMain", str(RIG / "cps" / "run.groovy")]
    files = [str(folder / name) for name in ("Jenkinsfile", "given.json", "steps.json")]
    ran([*argv, *files], folder)
    return dict(json.loads((folder / "steps.json").read_text()))


def test_it_runs_in_continuation_passing_style(jars: Path, tmp_path: Path) -> None:
    """Every step is reached, and whatever lives across one can be stored on disk."""
    found = steps_of(jars, tmp_path)
    assert found["failed"] == ""
    shells = [what for name, what in found["steps"] if name == "sh"]
    for word in (
        "flows.integrate",
        "deploy --all",
        "release/release",
        "ci summary",
        "ci mail",
        "ci clean",
    ):
        assert sum(word in shell for shell in shells) == 1, word
    assert (found["env"]["GIT_COMMIT"], found["env"]["GIT_URL"][:5]) == ("c0ffee", "https")
    assert found["env"]["AT"] == "Release"
    assert found["steps"][-1] == ["cleanWs", ""]


@pytest.mark.parametrize(
    ("kind", "used", "unused"),
    [
        ("cloud", "prefect-api-key", "prefect-api-auth"),
        ("self-hosted", "prefect-api-auth", "prefect-api-key"),
    ],
)
def test_one_login_of_prefect_is_bound(
    jars: Path, tmp_path: Path, kind: str, used: str, unused: str
) -> None:
    """S0-21: a self-hosted server answers 401 to whoever shows a key as well."""
    found = steps_of(jars, tmp_path, SLIPWAY_PREFECT=kind)["steps"]
    bound = [what for name, what in found if name == "credential"]
    assert bound.count(used) == bound.count("prefect-api-url") == 4
    assert unused not in bound


def test_continuation_passing_style_finds_what_cannot_be_stored(jars: Path, tmp_path: Path) -> None:
    """The test above is able to fail."""
    bad = "steps { script { def m = ('a' =~ /a/); m.find(); sh 'id'; echo m.toString() } }"
    text = f"pipeline {{ agent {{ label 'x' }}\nstages {{ stage('One') {{ {bad} }} }} }}"
    assert "com.cloudbees.groovy.cps" in steps_of(jars, tmp_path, text=text)["failed"]


def test_it_is_linted(tmp_path: Path) -> None:
    """npm-groovy-lint, with no warning left; and it does find something in a worse file."""
    npm = program("npm")
    for path in (RIG / "lint").iterdir():
        shutil.copy(path, tmp_path)
    ran([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], tmp_path)
    argv = [str(tmp_path / "node_modules" / ".bin" / "npm-groovy-lint"), "--noserver"]
    argv += ["--failon", "warning", "--output", "txt"]
    shutil.copy(JENKINSFILE, tmp_path)
    ran([*argv, "Jenkinsfile"], tmp_path)
    (tmp_path / "Jenkinsfile").write_text(
        JENKINSFILE.read_text().replace("List prefect", "def Bad")
    )
    with pytest.raises(AssertionError, match="MethodName"):
        ran([*argv, "Jenkinsfile"], tmp_path)


def test_it_is_thin() -> None:
    """DC-05, S2-24, S2-36: short; strict; no value goes from Groovy into a script."""
    text = JENKINSFILE.read_text()
    assert len(text.splitlines()) <= 100
    assert r"sh '#!/bin/bash\nset -euo pipefail\n' + command" in text
    assert len(re.findall(r"\bsh\b ['\"]", text)) == 1
    assert not re.findall(r'bash\s*\(?"', text)


def test_it_names_the_credentials_that_were_agreed_on() -> None:
    """S0-04, S0-13, S0-21, S2-09: by id, and no other; a checkout names none."""
    found = re.findall(r"credentialsId: '([^']+)'", JENKINSFILE.read_text())
    assert set(found) == CREDENTIALS
