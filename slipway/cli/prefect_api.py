"""The few calls that the keeper and a CI build make to a Prefect server, without loading Prefect.

Source: Prefect's REST API, as `/api/openapi.json` of the server describes it.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import httpx
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential

from slipway.canonical import JsonObject
from slipway.errors import Unreachable
from slipway.release import Target

SECONDS = 5.0
ATTEMPTS = 5
EVENTS_AT_ONCE = 50
HOLDER = "holder:"


class PrefectApi:
    """One server, at PREFECT_API_URL. Every method raises Unreachable where it does not answer."""

    def __init__(self, url: str, headers: dict[str, str], auth: tuple[str, str] | None) -> None:
        self._client = httpx.Client(
            base_url=url, headers=headers, auth=auth, timeout=SECONDS, trust_env=False
        )

    @classmethod
    def from_environment(cls) -> Self | None:
        """The server that the environment names, or None."""
        url = os.environ.get("PREFECT_API_URL")
        if not url:
            return None
        key = os.environ.get("PREFECT_API_KEY")
        user, colon, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return cls(url.rstrip("/"), headers, (user, password) if colon and not key else None)

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def start_recover(self, target: Target, token: int) -> None:
        """Start the recover deployment, once for that token however often it is asked for."""
        parameters = {"app": target.app, "environment": target.environment}
        key = f"recover--{target.app}--{target.environment}--{token}"
        self.start_run(self.deployment("recover"), parameters, key)

    def deployment(self, flow: str) -> str:
        """The id of a flow's deployment, which is named like it."""
        return str(self._send("GET", f"/deployments/name/{flow}/{flow}")["id"])

    def start_run(self, deployment: str, parameters: Mapping[str, str], key: str) -> str:
        """Start a deployment's flow, once for a key however often it is asked for; the run's id."""
        body = {
            "parameters": dict(parameters),
            "idempotency_key": key,
            "state": {"type": "SCHEDULED"},
        }
        return str(self._send("POST", f"/deployments/{deployment}/create_flow_run", body)["id"])

    def holders(self) -> dict[str, str]:
        """Unfinished runs by id, with the process `host:pid` that tagged itself as theirs."""
        states = {"type": {"any_": ["RUNNING", "PAUSED", "CANCELLING"]}}
        runs = self._send(
            "POST", "/flow_runs/filter", {"flow_runs": {"state": states}, "limit": 200}
        )
        return {
            run["id"]: tag.removeprefix(HOLDER)
            for run in runs
            for tag in run["tags"]
            if tag.startswith(HOLDER)
        }

    def state_of(self, run_id: str) -> tuple[str, str]:
        """Type and name of a run's state, as in `("FAILED", "Failed")`."""
        state = self._send("GET", f"/flow_runs/{run_id}")["state"]
        return state["type"], state["name"]

    def mark_crashed(self, run_id: str, message: str) -> None:
        """Say of a run that its process is gone."""
        state = {"type": "CRASHED", "name": "Crashed", "message": message}
        self._send("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": True})

    def newest_run(self, tag: str) -> dict[str, Any] | None:
        """The newest run with the tag that no other run started, as the API shows it."""
        wanted = {"tags": {"all_": [tag]}, "parent_task_run_id": {"is_null_": True}}
        body = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        runs: list[dict[str, Any]] = self._send("POST", "/flow_runs/filter", body)
        return runs[0] if runs else None

    def newest_artifact(self, key: str) -> str | None:
        """The text of the newest artifact with that key, or None."""
        wanted = {"artifacts": {"key": {"any_": [key]}}, "limit": 1}
        found = self._send("POST", "/artifacts/latest/filter", wanted)
        return str(found[0]["data"]) if found else None

    def add_artifact(self, key: str, markdown: str, about: str) -> None:
        """One more version of a markdown artifact, of no run."""
        body = {"key": key, "type": "markdown", "data": markdown, "description": about}
        self._send("POST", "/artifacts/", body)

    def events_of(self, ids: Sequence[str]) -> set[str]:
        """Which of the events with these ids the server has."""
        found: set[str] = set()
        for start in range(0, len(ids), EVENTS_AT_ONCE):
            wanted = {"id": {"id": list(ids[start : start + EVENTS_AT_ONCE])}}
            answer = self._send("POST", "/events/filter", {"filter": wanted})
            found |= {one["id"] for one in answer["events"]}
        return found

    def send_events(self, events: Sequence[JsonObject]) -> None:
        """Hand in events; one whose id the server has already is taken once."""
        self._send("POST", "/events", list(events))

    def _ask(self, method: str, path: str, body: Any) -> httpx.Response:
        return self._client.request(method, path, json=body).raise_for_status()

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        try:
            answer = _patiently(self._ask)(method, path, body)
        except httpx.HTTPError as error:
            raise Unreachable(
                "the Prefect server did not answer",
                found=type(error).__name__,
                next_step="slipway doctor; the ledger is kept without it",
            ) from None
        return answer.json() if answer.content else None


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in BUSY


BUSY = (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS)
# A server on SQLite answers 503 while others write; asking goes on for about 1.5 s. Every request
# here may be sent twice: what starts a run carries an idempotency key.
_patiently = retry(
    retry=retry_if_exception(_is_busy),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential(multiplier=0.1),
    reraise=True,
)
