"""What a Prometheus server's answer to an instant query says. Pure; the answer is not trusted.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from slipway.analysis import PrometheusCheck, Verdict, is_met
from slipway.errors import Cause
from slipway.explanations import printable

_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?|Inf)")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement.

    Attributes:
        verdict: of this measurement alone.
        said: the value, or why there is none.
        cause: why there is none, as operators sort it.
    """

    verdict: Verdict
    said: str
    cause: Cause = Cause.VERIFICATION


def read(check: PrometheusCheck, status: int, body: bytes) -> Reading:
    """What the answer measured.

    Args:
        status: of HTTP.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return _unclear(f"status {status}, and no JSON", Cause.NETWORK)
    if not isinstance(answer, dict):
        return _unclear(f"status {status}, and no object", Cause.NETWORK)
    if answer.get("status") != "success" or status != 200:
        why = f"{answer.get('errorType', 'status')} {answer.get('error', status)}"
        return _unclear(why, Cause.INPUT if answer.get("errorType") == "bad_data" else None)
    return _judged(check, answer.get("data"))


def _judged(check: PrometheusCheck, data: Any) -> Reading:
    found = _samples(data)
    if found is None:
        return _unclear("the answer holds no vector and no scalar", Cause.INPUT)
    if not found:
        return Reading(Verdict.NO_TRAFFIC, "the query gives no series")
    if len(found) > 1:
        return _unclear(f"the query gives {len(found)} series, one is needed", Cause.INPUT)
    text = found[0]
    if text == "NaN":
        return Reading(Verdict.NO_TRAFFIC, "the value is NaN, as in 0 of 0 requests")
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return _unclear("the value is not a number", Cause.NETWORK)
    is_good = is_met(Decimal(text), check.comparison, check.threshold)
    return Reading(Verdict.PASS if is_good else Verdict.FAIL, text[:40])


def _samples(data: Any) -> list[Any] | None:
    """The values of a vector or a scalar; None of anything else."""
    if not isinstance(data, dict) or not isinstance(data.get("result"), list):
        return None
    result = data["result"]
    if data.get("resultType") == "scalar":
        return [_value(result)]
    if data.get("resultType") == "vector":
        return [_value(one.get("value") if isinstance(one, dict) else None) for one in result]
    return None


def _value(pair: Any) -> Any:
    return pair[1] if isinstance(pair, list) and len(pair) == 2 else None


def _unclear(why: str, cause: Cause | None) -> Reading:
    return Reading(Verdict.INCONCLUSIVE, printable(why)[:_LONGEST], cause or Cause.NETWORK)
