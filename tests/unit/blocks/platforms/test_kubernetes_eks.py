"""Signing in to EKS by IAM, without a network."""

import base64
from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import boto3
import pytest
from botocore.stub import Stubber
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from blocks.platforms import kubernetes_eks
from blocks.platforms.kubernetes_access import Kept
from blocks.platforms.kubernetes_block import KubernetesCluster
from blocks.platforms.kubernetes_eks import PREFIX, RENEW_SECONDS, Token, by_iam, reach
from slipway.errors import AccessDenied, BadInput

KEY = "canary-aws-secret-key"
REGION = "eu-west-2"


def session() -> boto3.Session:
    return boto3.Session("AKIAEXAMPLE", KEY, region_name=REGION)


def signed(token: str) -> str:
    text = token.removeprefix(PREFIX)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def test_a_token_is_a_signed_question_who_i_am_for_one_cluster() -> None:
    """S1-11, S1-38: as aws-iam-authenticator takes it; the key itself is not in it."""
    token = Token(session, REGION, "prod")()
    url = urlparse(signed(token))
    query = parse_qs(url.query)
    assert url.hostname == "sts.eu-west-2.amazonaws.com"
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert int(query["X-Amz-Expires"][0]) <= 900
    assert KEY not in token
    assert KEY not in signed(token)


def test_a_token_is_signed_anew_before_it_ends() -> None:
    """H2: EKS takes it for fifteen minutes; ours is never older than ten."""
    now, sessions = [0.0], []

    def opened() -> boto3.Session:
        sessions.append(now[0])
        return session()

    token = Token(opened, REGION, "prod", clock=lambda: now[0])
    for now[0] in (0.0, RENEW_SECONDS - 1, RENEW_SECONDS, RENEW_SECONDS * 3):
        token()
    assert sessions == [0.0, RENEW_SECONDS, RENEW_SECONDS * 3]
    assert "k8s-aws" not in repr(token)


def test_each_request_asks_for_the_token() -> None:
    """H2: a long rollout never sends one that ended."""
    given: Iterator[str] = iter(["first", "second", "third"])
    api = reach("https://eks.example.com", base64.b64encode(b"PEM").decode(), lambda: next(given))
    headers = [
        api.param_serialize("GET", "/version", auth_settings=["BearerToken"])[2] for _ in range(2)
    ]
    assert [h["authorization"] for h in headers] == ["Bearer second", "Bearer third"]
    assert api.configuration.host == "https://eks.example.com"


def test_without_credentials_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = session()
    monkeypatch.setattr(nobody, "get_credentials", lambda: None)
    with pytest.raises(BadInput, match="no AWS credentials"):
        Token(lambda: nobody, REGION, "prod")()


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("ResourceNotFoundException", BadInput, "no such EKS cluster"),
        ("AccessDeniedException", AccessDenied, "does not let"),
    ],
)
def test_a_cluster_that_eks_does_not_give_is_named(
    monkeypatch: pytest.MonkeyPatch, code: str, kind: type[Exception], words: str
) -> None:
    client = session().client("eks")
    stub = Stubber(client)
    stub.add_client_error("describe_cluster", code, "quotes what was asked")
    monkeypatch.setattr(kubernetes_eks, "session_client", lambda session, region: client)
    with stub, pytest.raises(kind, match=words) as caught:
        by_iam(session, REGION, "prod")()
    assert "quotes" not in str(caught.value)


def opens(block: KubernetesCluster) -> str:
    """The name of the way that the block's platform keeps."""
    access = block.platform().access
    assert isinstance(access, Kept)
    return access.opens.__qualname__


def test_a_saved_block_leads_to_eks_where_it_names_a_cluster() -> None:
    aws = AwsCredentials(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key=SecretStr(KEY))
    block = KubernetesCluster(eks_cluster="prod", aws=aws, region=REGION)
    assert "by_iam" in opens(block)
    with pytest.raises(BadInput, match="no AWS region"):
        KubernetesCluster(eks_cluster="prod", aws=aws).platform()
    assert "by_settings" in opens(KubernetesCluster())
