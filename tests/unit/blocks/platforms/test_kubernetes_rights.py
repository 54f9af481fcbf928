"""Which rules of an account grant a verb on every object of a resource."""

import pytest

from blocks.platforms.kubernetes_rights import is_granted, listed
from slipway.canonical import JsonObject

READS_PODS = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]}
ALL = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
SCALES = {"verbs": ["update"], "apiGroups": ["apps"], "resources": ["*/scale"]}
ONE_SECRET = {
    "verbs": ["get"],
    "apiGroups": [""],
    "resources": ["secrets"],
    "resourceNames": ["one"],
}


@pytest.mark.parametrize(
    ("rule", "group", "resource", "verb", "granted"),
    [
        (READS_PODS, "", "pods", "get", True),
        (READS_PODS, "", "pods/log", "get", True),
        (READS_PODS, "", "pods", "delete", False),
        (READS_PODS, "apps", "pods", "get", False),
        (READS_PODS, "", "pods/portforward", "get", False),
        (ALL, "apps", "deployments", "patch", True),
        (ALL, "", "pods/portforward", "create", True),
        (SCALES, "apps", "deployments/scale", "update", True),
        (SCALES, "apps", "deployments", "update", False),
        (ONE_SECRET, "", "secrets", "get", False),
        ({"verbs": ["get"]}, "", "pods", "get", False),
    ],
)
def test_what_a_rule_grants(
    rule: JsonObject, group: str, resource: str, verb: str, granted: bool
) -> None:
    """G13: a rule for objects by their names grants nothing that a release could build on."""
    assert is_granted([rule], group, resource, verb) is granted


class Answers:
    """A cluster that answers every call with one status."""

    def __init__(self, status: JsonObject) -> None:
        self.status = status

    def call(self, *request: object) -> JsonObject:
        return {"status": self.status}


@pytest.mark.parametrize(
    ("status", "count"),
    [
        ({"incomplete": False, "resourceRules": [ALL]}, 1),
        ({"incomplete": False, "resourceRules": None}, 0),
        ({"incomplete": True, "resourceRules": [ALL]}, 0),
        ({"resourceRules": [ALL]}, 0),
    ],
)
def test_rules_that_may_not_be_all_count_for_nothing(status: JsonObject, count: int) -> None:
    """H6: another authorizer might deny what they grant, so each verb is asked by itself."""
    assert len(listed(Answers(status), "shop")) == count  # type: ignore[arg-type]
