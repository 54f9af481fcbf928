"""`.slipway-lint.yaml`: what is left out, and which findings are accepted, by whom, why and until
when.

    exclude: ["tests/cases/lint/*"]
    suppressions:
      - rule: SLW007
        path: docker/base/nginx/Dockerfile
        owner: platform
        reason: a base image; each app brings its own check
        expires: "2027-06-30"
"""

from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field, ValidationError

from slipway.errors import BadInput
from slipway.lint.finding import Finding
from slipway.release import Frozen
from slipway.strict_yaml import dotted, load

CONFIG = ".slipway-lint.yaml"
_Text = Annotated[str, Field(min_length=1, max_length=300)]


class Suppression(Frozen):
    """An accepted finding. `path` may hold `*`; it counts until the end of the day `expires`."""

    rule: Annotated[str, Field(pattern=r"^SLW[0-9]{3}$")]
    path: _Text
    owner: _Text
    reason: Annotated[str, Field(min_length=10, max_length=300)]
    expires: date

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this finding, expired or not."""
        return finding.rule == self.rule and fnmatchcase(finding.path, self.path)


class LintConfig(Frozen):
    """The whole file."""

    exclude: tuple[_Text, ...] = ()
    suppressions: tuple[Suppression, ...] = ()

    def excludes(self, path: str) -> bool:
        """Whether the file is left out."""
        return any(fnmatchcase(path, pattern) for pattern in self.exclude)


def parse_config(data: bytes) -> LintConfig:
    """The configuration out of the file's bytes.

    Raises:
        BadInput: not YAML, an unknown key, or a suppression without owner, reason or expiry.
    """
    document = load(data, CONFIG)
    try:
        return LintConfig.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(
            f"{CONFIG}: {dotted(first['loc'])}: {first['msg']}",
            found=ascii(str(first["input"])[:60]),
            allowed="rule, path, owner, reason of 10 characters or more, expires as a date",
        ) from error
