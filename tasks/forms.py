"""What operators fill in: parameters of the flows, with the grammar that the server checks too.

Each parameter is one text with a pattern. So a template, a brace or a dictionary is refused before
a run exists, and what the server renders out of a `__prefect_kind` must still be a plain name.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from prefect.input import RunInput
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from slipway.approval import LONGEST_TEXT, PREFIX
from slipway.errors import BadInput
from slipway.names import Name, check_actor, check_name, check_reference
from slipway.quantities import DURATION, parse_duration

_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_REFERENCE = r"[A-Za-z0-9.\[\]:-]+/[a-z0-9._/-]+@sha256:[0-9a-f]{64}"
_KEY = r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}"


def _schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "maxLength": 400})


def _maybe(check: Callable[[str], str]) -> AfterValidator:
    """The check, for a field that may be left empty. A form shows text only, never a None."""
    return AfterValidator(lambda value: check(value) if value else value)


App = Name
Environment = Name
Candidate = Annotated[str, AfterValidator(check_reference), _schema(_REFERENCE)]
MaybeApp = Annotated[str, _maybe(check_name), _schema(f"({_NAME})?")]
MaybeEnvironment = MaybeApp
MaybeCandidate = Annotated[str, _maybe(check_reference), _schema(f"({_REFERENCE})?")]
Requester = Annotated[
    str,
    AfterValidator(check_actor),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$", "maxLength": 128}
    ),
]


def _plain(value: str) -> str:
    if not value.isprintable() or "{" in value or "}" in value:
        raise BadInput(
            "text is not plain", found=ascii(value[:80]), allowed="one line without { and }"
        )
    return value


Reason = Annotated[
    str,
    AfterValidator(_plain),
    WithJsonSchema({"type": "string", "pattern": r"^[^{}\x00-\x1f\x7f]{1,300}$"}),
]


def _duration(value: str) -> str:
    parse_duration(value)
    return value


MaybeSigned = Annotated[
    str,
    StringConstraints(pattern=rf"^({PREFIX}(\.[A-Za-z0-9_-]+){{2}})?$", max_length=LONGEST_TEXT),
]
Wait = Annotated[
    str,
    AfterValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION}$", "maxLength": 12}),
]
MaybeKey = Annotated[str, StringConstraints(pattern=f"^({_KEY})?$")]


def field(title: str, description: str, default: Any = ..., examples: Sequence[Any] = ()) -> Any:
    """One field of a deployment's form. Prefect takes the title from here only."""
    extra: dict[str, Any] = {"title": title}
    if examples:
        extra["examples"] = list(examples)
    return Field(default, description=description, json_schema_extra=extra)


APP: Any = field("App", "Name of the app, as in its app file.", examples=["shop"])
ENVIRONMENT: Any = field("Environment", "Environment of the app file.", examples=["stage"])
CANDIDATE: Any = field(
    "Candidate",
    "The CANDIDATE line of image-digest.env: one digest names everything that is released.",
    examples=["registry.example.org/shop@sha256:" + "0" * 64],
)
REQUESTED_BY: Any = field(
    "Requested by",
    "Your name. Whoever requests a release cannot approve it.",
    "operator",
    examples=["alice@example.org"],
)
AGAIN: Any = field(
    "Again", "Release a quarantined candidate all the same; this is recorded.", default=False
)
ALLOW_DOWNGRADE: Any = field(
    "Allow downgrade",
    "Release a candidate that is older than what serves there; this is recorded.",
    default=False,
)
KEY: Any = field(
    "Idempotency key",
    "Optional. The same key with another candidate or configuration is refused.",
    "",
    examples=["jenkins-shop-42"],
)
WAIT: Any = field(
    "Wait",
    "How long it may wait in line where other releases hold the environment, as in 10m.",
    "0s",
    examples=["10m"],
)
BREAK_GLASS: Any = field(
    "Break the glass",
    "Only in need: the line that `slipway approve --break-glass REASON --print` printed. The "
    "release passes its gate alone, on record, and counts as drift until others approve it.",
    "",
)
REASON: Any = field("Reason", "One line for the history.", "asked for by an operator")
THROUGH: Any = field(
    "Through",
    "Last environment of this release; every environment of the app file where empty.",
    "",
    examples=["stage"],
)
FROM: Any = field("From", "Environment whose verified release is taken.", examples=["stage"])
TO: Any = field("To", "Environment that receives it, through its gate.", examples=["prod"])
BACK_TO: Any = field("Back to", "A verified candidate; the last verified good one where empty.", "")
ACCEPT_FORWARD_ONLY: Any = field(
    "Accept forward only",
    "Go back over a release whose migration is forward only; this is recorded.",
    default=False,
)
DRILLED_APP: Any = field(
    "App", "Name of the app; every app of the environment where empty.", "", examples=["shop"]
)

EVERY_APP: Any = field("App", "Name of the app; every app where empty.", "", examples=["shop"])


class ApprovalForm(RunInput):
    """The form of a waiting gate."""

    approval: Annotated[
        str,
        Field(
            title="Signed approval",
            description="The line that `slipway approve` printed, beginning slipway-approval-v1.",
            min_length=1,
            max_length=LONGEST_TEXT,
        ),
    ]
