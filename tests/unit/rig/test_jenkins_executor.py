"""The executor of Jenkinsfiles: strict about names, and as Jenkins in what steps and post do."""

from pathlib import Path

import pytest

from tests.rig.jenkins.controller import Built, Controller, login, secret_file, text

pytestmark = pytest.mark.jenkins

PIPELINE = """
pipeline {{
    agent any
    {head}
    stages {{
        stage('One') {{
            {stage}
            steps {{
                {steps}
            }}
        }}
        stage('Two') {{ steps {{ echo 'two' }} }}
    }}
    {post}
}}
"""


@pytest.fixture
def jenkins(tmp_path: Path) -> Controller:
    """A controller with one credential of each kind, and an agent with a PATH."""
    return Controller(
        folder=tmp_path / "jenkins",
        agent={"PATH": "/usr/bin:/bin"},
        credentials={
            "text": text("hunter2"),
            "login": login("bo", "s3cret"),
            "file": secret_file("key.pem", "PRIVATE"),
        },
    )


def run(
    jenkins: Controller,
    steps: str = "echo 'one'",
    *,
    head: str = "",
    stage: str = "",
    post: str = "",
    variables: dict[str, str] | None = None,
    **params: str,
) -> Built:
    """A pipeline of two stages, with these parts in it."""
    jenkins.folder.mkdir(exist_ok=True)
    path = jenkins.folder / "Jenkinsfile"
    path.write_text(PIPELINE.format(head=head, stage=stage, steps=steps, post=post))
    return jenkins.build(jenkinsfile=path, variables=variables, **params)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"head": "stagez { }"}, "unknown directive 'stagez' in pipeline"),
        ({"stage": "step { }"}, "unknown directive 'step' in stage"),
        ({"head": "options { timeouts(time: 1) }"}, "unknown directive 'timeouts' in options"),
        ({"head": "options { timeout(tim: 1) }"}, "timeout: missing [time], unknown [tim]"),
        ({"head": "triggers { webhook() }"}, "unknown directive 'webhook' in triggers"),
        ({"head": "parameters { choise(name: 'A') }"}, "unknown directive 'choise'"),
        ({"stage": "when { brunch 'main' }"}, "unknown directive 'brunch' in when"),
        ({"post": "post { allways { } }"}, "unknown condition 'allways' in post"),
        ({"head": "agent any"}, "'agent' twice in pipeline"),
        ({"stage": "sh 'id'"}, "unknown directive 'sh' in stage"),
    ],
)
def test_nothing_runs_of_a_file_with_a_wrong_word(
    jenkins: Controller, parts: dict[str, str], said: str
) -> None:
    built = run(jenkins, "echo 'it ran'", **parts)  # type: ignore[arg-type]
    assert built.result == "FAILURE"
    assert said in built.console
    assert "it ran" not in built.console


def test_a_step_that_does_not_exist_fails_its_stage(jenkins: Controller) -> None:
    built = run(jenkins, "shh 'id'")
    assert "No such DSL method 'shh' found among steps" in built.console
    assert built.stages == {"One": "failure", "Two": "skipped after failure"}


def test_a_plain_script_runs_in_sh_and_stops_at_an_error(jenkins: Controller) -> None:
    """S2-44: `sh -xe`; pipefail is no option of dash."""
    built = run(jenkins, "sh 'echo one; false; echo never'")
    assert "+ echo one" in built.console
    assert "script returned exit code 1" in built.console
    assert "never" not in built.console.replace("echo never", "")
    assert run(jenkins, "sh 'set -o pipefail'").result == "FAILURE"
    assert run(jenkins, r"sh '#!/bin/bash\nset -o pipefail\n[[ 1 ]]'").result == "SUCCESS"


def test_credentials_are_bound_masked_and_gone(jenkins: Controller) -> None:
    """S2-23: each kind; a file is for its owner alone."""
    steps = r"""
        withCredentials([string(credentialsId: 'text', variable: 'T'),
            usernamePassword(credentialsId: 'login', usernameVariable: 'U', passwordVariable: 'P'),
            file(credentialsId: 'file', variable: 'F')]) {
            sh '#!/bin/bash\necho "$T $U $P"; stat -c %a "$F"; wc -c < "$F"'
        }
        sh '#!/bin/bash\necho "left: ${T-none}"'
    """
    built = run(jenkins, steps)
    assert "**** bo ****\n400\n7\n" in built.console
    assert "left: none" in built.console
    assert built.credentials == {"One": {"text", "login", "file"}}
    assert "hunter2 bo s3cret" in built.raw
    assert not list((jenkins.folder / "workspace" / "shop@tmp").iterdir())


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("string(credentialsId: 'none', variable: 'A')", "Could not find credentials entry"),
        ("file(credentialsId: 'text', variable: 'A')", "is of kind 'string', not 'file'"),
        ("string(credentialsId: 'text', vari: 'A')", "string: missing [variable]"),
    ],
)
def test_a_wrong_binding_is_told(jenkins: Controller, binding: str, said: str) -> None:
    built = run(jenkins, f"withCredentials([{binding}]) {{ echo 'bound' }}")
    assert said in built.console
    assert "bound\n" not in built.console


@pytest.mark.parametrize(
    ("steps", "conditions"),
    [
        ("echo 'fine'", ["always", "changed", "success", "cleanup"]),
        ("error 'no'", ["always", "changed", "failure", "unsuccessful", "cleanup"]),
        ("sleep()", ["always", "changed", "failure", "unsuccessful", "cleanup"]),
    ],
)
def test_post_runs_in_jenkins_order(jenkins: Controller, steps: str, conditions: list[str]) -> None:
    """Whatever the order in the file, and whatever fails on the way; cleanup comes last."""
    names = ["cleanup", "unsuccessful", "success", "failure", "changed", "aborted", "always"]
    post = "; ".join(f"{name} {{ echo 'in {name}' }}" for name in names)
    built = run(jenkins, steps, post=f"post {{ {post} }}")
    said = [line[3:] for line in built.console.splitlines() if line.startswith("in ")]
    assert said == conditions


def test_a_failing_post_step_stops_no_other(jenkins: Controller) -> None:
    post = "post { always { error 'bad' }; cleanup { echo 'cleaned' } }"
    built = run(jenkins, post=post)
    assert built.result == "FAILURE"
    assert "cleaned" in built.console


def test_a_timeout_kills_what_runs(jenkins: Controller) -> None:
    """Also what was started by what runs; the build is aborted, not failed."""
    limit = "options { timeout(time: 1, unit: 'SECONDS') }"
    built = run(jenkins, "sh 'sleep 33.125 & sleep 33.25'", stage=limit)
    assert built.result == "ABORTED"
    running = {path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    assert not [argv for argv in running if b"sleep\x0033." in argv]


@pytest.mark.parametrize(
    ("condition", "variables", "runs"),
    [
        ("branch 'main'", {"BRANCH_NAME": "main"}, True),
        ("branch 'main'", {"BRANCH_NAME": "topic"}, False),
        ("not { changeRequest() }", {"CHANGE_ID": "7"}, False),
        ("anyOf { branch 'a'; branch 'b' }", {"BRANCH_NAME": "b"}, True),
        ("allOf { branch 'a'; changeRequest() }", {"BRANCH_NAME": "a"}, False),
        ("expression { env.BRANCH_NAME == 'x' }", {"BRANCH_NAME": "x"}, True),
        ("environment(name: 'A', value: '1')", {"A": "2"}, False),
    ],
)
def test_when(jenkins: Controller, condition: str, variables: dict[str, str], runs: bool) -> None:
    built = run(jenkins, stage=f"when {{ {condition} }}", variables=variables)
    assert built.stages["One"] == ("success" if runs else "skipped")


def test_what_is_archived_is_copied_and_known_by_its_fingerprint(jenkins: Controller) -> None:
    """S2-39."""
    post = "post { always { archiveArtifacts artifacts: 'slipway-out/*', fingerprint: true } }"
    built = run(jenkins, "sh 'mkdir -p slipway-out; printf abc > slipway-out/a'", post=post)
    assert built.artifacts == {"a": "900150983cd24fb0d6963f7d28e17f72"}
    assert (built.archive / "a").read_text() == "abc"
    empty = run(jenkins, post=post.replace("slipway-out", "nowhere"))
    assert "No artifacts found" in empty.console
    assert empty.result == "FAILURE"


def test_a_report_with_a_failed_test_makes_a_build_unstable(jenkins: Controller) -> None:
    report = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'
    steps = f"sh '''printf %s '{report}' > r.xml'''; junit 'r.xml'"
    built = run(jenkins, steps)
    assert built.result == "UNSTABLE"
    assert built.report["tests"] == {"total": 2, "failed": 1, "skipped": 0}


def test_parameters_are_what_the_file_offers(jenkins: Controller) -> None:
    head = "parameters { choice(name: 'MODE', choices: ['a', 'b']) }"
    assert "+ echo b" in run(jenkins, 'sh "echo ${params.MODE}"', head=head, MODE="b").console
    assert "c is none of [a, b]" in run(jenkins, head=head, MODE="c").console
