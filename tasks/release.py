"""Which environments a release goes through."""

from slipway.appfile import AppFile
from slipway.candidate import environment_of


def environments_through(appfile: AppFile, through: str | None) -> list[str]:
    """Environments in the order of the app file, up to and with `through`; all where None. Pure.

    Raises:
        BadInput: the app file has no such environment.
    """
    names = list(appfile.environments)
    if through is None:
        return names
    environment_of(appfile, through)
    return names[: names.index(through) + 1]
