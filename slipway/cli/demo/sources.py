"""Working copies of the examples, as the git repositories that they would be."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import BadInput, Unreachable

EXAMPLES = Path(__file__).parents[3] / "examples"
AUTHOR = ("Ada", "ada@example.org")
LEFT_OUT = shutil.ignore_patterns("site", "__pycache__", ".pytest_cache", ".venv")


@dataclass(frozen=True)
class WorkingCopy:
    """One clone of the app's repository."""

    folder: Path

    @classmethod
    def of_example(cls, name: str, folder: Path) -> "WorkingCopy":
        """A new repository with the example as its first commit; an older copy is replaced."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(EXAMPLES / name, folder, ignore=LEFT_OUT)
        copy = cls(folder)
        copy.git("init", "--quiet", "--initial-branch=main")
        copy.commit(f"Add the {name} example")
        return copy

    def overlay(self, name: str, subject: str) -> str:
        """Put another example's files over it and commit; the revision."""
        shutil.copytree(EXAMPLES / name, self.folder, ignore=LEFT_OUT, dirs_exist_ok=True)
        return self.commit(subject)

    def change_line(self, path: str, old: str, new: str, subject: str) -> str:
        """Replace text in one file and commit; the revision.

        Raises:
            BadInput: the text is not there exactly once.
        """
        file = self.folder / path
        text = file.read_text()
        if text.count(old) != 1:
            raise BadInput(f"{path}: cannot be changed", found=f"{text.count(old)} times {old!r}")
        file.write_text(text.replace(old, new))
        return self.commit(subject)

    def commit(self, subject: str) -> str:
        """Commit everything as Ada; the revision."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        """What git prints. The user's own git configuration plays no part.

        Raises:
            Unreachable: git is missing or failed.
        """
        name, address = AUTHOR
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_NAME": name for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": address for role in ("AUTHOR", "COMMITTER")},
        }
        argv = ["git", "-C", str(self.folder), *arguments]
        try:
            done = subprocess.run(
                argv, env=environment, check=True, capture_output=True, text=True, timeout=60
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unreachable(
                f"git {arguments[0]} failed in {self.folder}", next_step="install git"
            ) from error
        return done.stdout
