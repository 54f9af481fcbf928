"""What is kept of a failed release before it is removed. Holds no secret."""

from collections.abc import Mapping
from datetime import datetime

import docker

from blocks.platforms import docker_names as names
from blocks.platforms.docker_containers import declared_values
from blocks.platforms.redaction import MASK, redact
from slipway.canonical import JsonObject

__all__ = ["engine_time", "environment_lines", "event_line", "inspect_lines", "redact"]


def engine_time(api: docker.APIClient) -> int:
    """Epoch seconds by the engine's own clock; asked for events until later, it would wait."""
    return int(datetime.fromisoformat(api.info()["SystemTime"]).timestamp())


def inspect_lines(inspected: JsonObject) -> list[str]:
    """What matters of an inspect document; variables that are not declared config are masked."""
    state, host, config = inspected["State"], inspected["HostConfig"], inspected["Config"]
    shown = {
        "image": config["Image"],
        "image id": inspected["Image"],
        "state": f"{state['Status']}, exit code {state['ExitCode']}, "
        f"out of memory: {str(state['OOMKilled']).lower()}",
        "started": state["StartedAt"],
        "finished": state["FinishedAt"],
        "restarts": inspected["RestartCount"],
        "error": state.get("Error") or "none",
        "health": (state.get("Health") or {}).get("Status", "no health check"),
        "memory": host["Memory"],
        "cpu": host["NanoCpus"],
        "pids": host["PidsLimit"],
        "user": config["User"],
    }
    return [f"{key}: {value}" for key, value in shown.items()] + environment_lines(config)


def environment_lines(config: JsonObject) -> list[str]:
    declared = set(declared_values(config["Labels"]))
    pairs = (entry.partition("=") for entry in config.get("Env") or ())
    return [f"env {key}={value if key in declared else MASK}" for key, _, value in pairs]


def event_line(event: JsonObject) -> str:
    """One engine event as a line: time in seconds, what, exit code."""
    attributes: Mapping[str, str] = event.get("Actor", {}).get("Attributes", {})
    exit_code = f" exit code {attributes['exitCode']}" if "exitCode" in attributes else ""
    service = attributes.get(names.SERVICE, "?")
    return f"{event.get('time')} {service} {event.get('Action')}{exit_code}"
