"""The base of every value that is kept on record."""

from functools import cached_property

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))
