"""Git, as a subprocess: the domain sees commits, branches, files and remotes, never a command line.

Everything runs with a fixed language, without prompts and with the NUL-separated forms, so that names
with spaces, newlines and other alphabets are safe. Remote things are in `git_remote.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model_devops.adapters.git_process import Finished, call, failure
from model_devops.adapters.git_remote import Remote, remote_key
from model_devops.errors import RefusedError, UnreachableError, UsageError

#: The oldest git that is known to do all that is asked here.
OLDEST = (2, 20)
#: How often a fetch is tried while another process of this clone holds a lock of git's.
LOCK_ATTEMPTS = 8
#: Fetches the history of whatever can be asked about; an infinite depth, in git's own words.
HEADS = "refs/model-devops/heads/"
EVERYTHING = (f"+refs/heads/*:{HEADS}*", "+refs/tags/*:refs/model-devops/tags/*")
INFINITE = "--depth=2147483647"
#: Who writes tags where git knows nobody, as on most CI agents.
FALLBACK_COMMITTER = {
    "GIT_COMMITTER_NAME": "model-devops",
    "GIT_COMMITTER_EMAIL": "model-devops@localhost",
}


def open_git(folder: Path) -> Git | None:
    """The repository that `folder` is in, or None outside of one.

    Raises UsageError where git is missing or too old, where git refuses the folder (`safe.directory`), and where
    a `.git` is there that git doesn't take for a repository.
    """
    _check_version(folder)
    found = call(folder, "rev-parse", "--show-toplevel")
    if found.code:
        if "not a git repository (or any" not in found.error:
            raise failure(found)
        _refuse_damaged(folder, found)
        return None
    root = Path(found.text.removesuffix("\n"))
    common = call(root, "rev-parse", "--git-common-dir")
    if common.code:
        raise failure(common)
    return Git(
        root=root,
        common_dir=Path(os.path.realpath(root / common.text.removesuffix("\n"))),
    )


def _check_version(folder: Path) -> None:
    text = call(folder, "version").text.strip()
    number = re.search(r"(\d+)\.(\d+)", text)
    if not number or (int(number[1]), int(number[2])) < OLDEST:
        raise UsageError(
            f"git is too old: {text}",
            hint=f"install git {OLDEST[0]}.{OLDEST[1]} or newer",
        )


def _refuse_damaged(folder: Path, found: Finished) -> None:
    """A damaged repository isn't "no repository": other rules hold there (P2)."""
    for parent in (folder.absolute(), *folder.absolute().parents):
        if os.path.lexists(parent / ".git"):
            raise UsageError(
                f"{parent / '.git'} is there, but git does not take it for a repository: {found.words}",
                hint="repair or remove it",
            )


@dataclass(frozen=True)
class Git:
    """A repository with a work tree. Paths are relative to `root`, with `/`."""

    root: Path
    common_dir: Path
    """Real path of the folder that all work trees of the clone share."""

    # Running

    def status(self, *args: str, input: str | bytes | None = None, network: bool = False) -> Finished:  # noqa: A002
        """Run git and return how it ended, whatever that is."""
        return call(self.root, *args, input=input, network=network)

    def read(self, *args: str, input: str | bytes | None = None, network: bool = False) -> bytes:  # noqa: A002
        """Run git and return its output. Raises UsageError, RefusedError or UnreachableError with git's words."""
        finished = self.status(*args, input=input, network=network)
        if finished.code:
            raise failure(finished, network=network)
        return finished.output

    def run(self, *args: str, input: str | bytes | None = None, network: bool = False) -> str:  # noqa: A002
        """As `read`, as text without the last newline."""
        return self.read(*args, input=input, network=network).decode("utf-8", "surrogateescape").removesuffix("\n")

    # Commits

    def head(self) -> str | None:
        """The commit that is checked out; None in a repository without commits."""
        return self.commit("HEAD")

    def commit(self, name: str) -> str | None:
        """The full id of a commit, tag or branch name; None if it isn't here."""
        found = self.status("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return found.text.strip() or None if not found.code else None

    def branch(self) -> str | None:
        """The branch that HEAD is on, also one without commits; None when detached."""
        found = self.status("symbolic-ref", "--quiet", "HEAD")
        name = found.text.removesuffix("\n")
        return name.removeprefix("refs/heads/") if not found.code and name.startswith("refs/heads/") else None

    def author(self, commit: str) -> tuple[str, str]:
        """Name and mail of a commit's author, as they are in it."""
        name, mail = self.run("log", "-1", "--format=%an%x00%ae", "--end-of-options", commit).split("\0")
        return name, mail

    def authors_since(self, base: str, limit: int) -> list[tuple[str, str]]:
        """Name and mail of the author of each of the newest `limit` commits that `base` doesn't reach, newest first."""
        options = (f"--max-count={limit}", "--format=%aN%x00%aE")
        lines = self.run("log", *options, "--end-of-options", f"{base}..HEAD").split("\n")
        return [(name, mail) for name, _, mail in (line.partition("\0") for line in lines if line)]

    def committer(self) -> str:
        """`Name <mail> seconds zone` for what is written now; a name of our own where git knows none (CI)."""
        own = self.status("var", "GIT_COMMITTER_IDENT")
        if own.code:
            own = call(self.root, "var", "GIT_COMMITTER_IDENT", environment=FALLBACK_COMMITTER)
        if own.code:
            raise failure(own)
        return own.text.removesuffix("\n")

    # Ancestry. A shallow clone may say "no" wrongly, never "yes": what it can't tell is fetched (B6).

    def reaches(self, tips: Iterable[str], commit: str) -> bool:
        """Whether `commit` is one of `tips` or an ancestor of one, in a single walk (B7).

        Tips that are not in this clone are left out; what a shallow clone lacks is fetched.
        """
        if not self.has(commit):  # what isn't here would look as if it were reached
            return False
        walk = "\n".join([commit, *(f"^{tip}" for tip in tips)]) + "\n"
        return self._reaches(walk) or (self._completed() and self._reaches(walk))

    def _reaches(self, walk: str) -> bool:
        return not self.run("rev-list", "--ignore-missing", "--max-count=1", "--stdin", input=walk)

    def on_first_parent_line(self, commit: str, tip: str) -> bool:
        """Whether `commit` is `tip` or one of its first parents. What a shallow clone lacks is fetched (B6)."""
        if not self.has(commit):
            return False
        return self._on_line(commit, tip) or (self._completed() and self._on_line(commit, tip))

    def _on_line(self, commit: str, tip: str) -> bool:
        if commit == tip:
            return True
        newer = self.run("rev-list", "--first-parent", "--parents", tip, f"^{commit}").splitlines()
        return bool(newer) and newer[-1].split()[1:2] == [commit]

    def has(self, commit: str) -> bool:
        """Whether the commit is in this clone, or can be fetched into a shallow one."""
        return self.commit(commit) is not None or (self._completed() and self.commit(commit) is not None)

    def is_shallow(self) -> bool:
        """Whether history is cut off."""
        return self.run("rev-parse", "--is-shallow-repository") == "true"

    def _completed(self) -> bool:
        """Fetch the history that a shallow clone lacks. Returns whether there was anything to fetch."""
        remote = self.remote() if self.is_shallow() else None
        if remote is not None:
            self.fetch(remote, *EVERYTHING, prune=True, deepen=True)
        return remote is not None

    # Files

    def show(self, commit: str, path: str) -> bytes | None:
        """The bytes of a regular file in a commit; None if there is no such file."""
        entry = self.run("--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", path).rstrip("\0")
        meta, _, name = entry.partition("\t")
        if name != path or not meta.startswith("100"):
            return None
        return self.read("cat-file", "blob", meta.split()[2])

    def files_below(self, commit: str, folder: str) -> dict[str, bytes]:
        """The regular files right below a folder in a commit, by name."""
        names = self._list("ls-tree", "-z", "--full-tree", "--name-only", commit, "--", f"{folder}/")
        found = {name.rpartition("/")[2]: self.show(commit, name) for name in names}
        return {name: data for name, data in found.items() if data is not None}

    def tracked(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that git tracks, in submodules too."""
        wanted = set(paths)
        return wanted & set(self._list("ls-files", "-z", "--recurse-submodules", "--", *_common(wanted)))

    def changed_files(self) -> list[str]:
        """Tracked files that differ from HEAD, whether staged or not; a changed submodule by its own path.

        Modes don't count (C2), nor what lies about untracked in a submodule.
        """
        options = ("--no-ext-diff", "--no-renames", "--ignore-submodules=untracked", "--name-only", "-z")
        base = "HEAD" if self.head() else self._empty_tree()
        return sorted(self._list("-c", "core.fileMode=false", "diff", *options, base, "--"))

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that git doesn't track and is told to ignore."""
        wanted = set(paths)
        wanted -= self.tracked(wanted)
        asked = "\0".join(f"./{path}" for path in sorted(wanted))  # no name is taken for a pathspec's magic
        found = self.status("check-ignore", "-z", "--stdin", input=asked) if wanted else None
        return {name.removeprefix("./") for name in found.text.split("\0")} & wanted if found else set()

    def untracked_not_ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that git neither tracks nor is told to ignore (B6)."""
        wanted = set(paths)
        return wanted - self.tracked(wanted) - self.ignored(wanted)

    def _list(self, *args: str) -> list[str]:
        return [name for name in self.run("--literal-pathspecs", *args).split("\0") if name]

    def _empty_tree(self) -> str:
        return self.run("hash-object", "-t", "tree", "--stdin", input="")

    # Configuration

    def config_get(self, key: str) -> str | None:
        """The value of a configuration key, wherever git finds it; None if it isn't set."""
        found = self.status("config", "--get", key)
        return found.text.removesuffix("\n") if not found.code else None

    def config_set(self, key: str, value: str) -> None:
        """Set a key in this clone's configuration."""
        self.run("config", "--local", key, value)

    # Remotes

    def remote(self) -> Remote | None:
        """`origin`, or the only remote; None without any. Raises UsageError for several without an `origin`."""
        names = self.run("remote").splitlines()
        if not names:
            return None
        if "origin" not in names and len(names) > 1:
            raise UsageError(
                f"several remotes and none is called origin: {', '.join(sorted(names))}",
                kind="remotes",
                hint=f"name the one that counts: git remote rename {min(names)} origin",
            )
        name = "origin" if "origin" in names else names[0]
        url = self.run("remote", "get-url", "--", name)
        return Remote(name=name, url=url, key=remote_key(url, self.root))

    def default_branch(self, remote: Remote) -> str | None:
        """The branch that the remote's HEAD names, asked from it now; None for a remote without branches.

        Raises UsageError where its HEAD names none, with the command to set it; UnreachableError; RefusedError.
        """
        answer = self.run("ls-remote", "--symref", remote.name, "HEAD", "refs/heads/*", network=True)
        lines = [line.split("\t", 1) for line in answer.splitlines()]
        heads = sorted(name.removeprefix("refs/heads/") for _, name in lines if name.startswith("refs/heads/"))
        target = next(
            (what.removeprefix("ref: ") for what, name in lines if name == "HEAD" and what.startswith("ref: ")),
            "",
        )
        branch = target.removeprefix("refs/heads/")
        if target.startswith("refs/heads/"):
            return branch
        if not heads:
            return None
        guess = next((name for name in ("main", "master", "trunk") if name in heads), heads[0])
        raise UsageError(
            f"the HEAD of {remote.name} ({remote.shown}) names no branch, so it has no default branch",
            kind="no-default-branch",
            hint=f"set it there, in the server's settings or with: git symbolic-ref HEAD refs/heads/{guess}",
        )

    def known_default_branch(self, remote: Remote) -> str | None:
        """The branch that the remote's HEAD named when it was cloned, without asking it."""
        prefix = f"refs/remotes/{remote.name}/"
        return self.status("symbolic-ref", "--quiet", f"{prefix}HEAD").text.strip().removeprefix(prefix) or None

    def fetch(self, remote: Remote, *refspecs: str, prune: bool = False, deepen: bool = False) -> None:
        """Fetch exactly these refs, no tags beside them. `deepen` makes a shallow clone complete.

        Raises UnreachableError or RefusedError with git's words.
        """
        options = ["--no-tags", "--no-recurse-submodules", "--quiet", "--refmap="]
        options += ["--prune"] if prune else []
        options += [INFINITE] if deepen else []
        for attempt in range(LOCK_ATTEMPTS):
            finished = self.status(
                "-c",
                "gc.auto=0",
                "-c",
                "maintenance.auto=0",
                "fetch",
                *options,
                remote.name,
                *refspecs,
                network=True,
            )
            if not finished.code:
                return
            if not _lock_was_held(finished) or attempt + 1 == LOCK_ATTEMPTS:
                raise failure(finished, network=True)
            _pause(attempt)

    def fetch_branch(self, remote: Remote, branch: str) -> str:
        """Fetch a branch as it is now; returns its commit. Raises UsageError if the remote has no such branch."""
        reference = f"{HEADS}{branch}"
        try:
            self._fetch_head(remote, branch, reference)
        except (UnreachableError, RefusedError) as error:
            if "couldn't find remote ref" not in error.message:
                raise
            raise UsageError(
                f"{remote.name} ({remote.shown}) has no branch {branch}",
                kind="no-such-branch",
                hint=f"push it: git push {remote.name} {branch}",
            ) from None
        return self.run("rev-parse", "--verify", f"{reference}^{{commit}}")

    def _fetch_head(self, remote: Remote, branch: str, reference: str) -> None:
        try:
            self.fetch(remote, f"+refs/heads/{branch}:{reference}")
        except UnreachableError as error:
            if "exists; cannot create" not in error.message:
                raise
            # A branch `a` fetched before is in the way of today's `a/b`: what is kept can be fetched again.
            kept = self.run("for-each-ref", "--format=delete %(refname)", HEADS)
            self.run("update-ref", "--stdin", input=f"{kept}\n")
            self.fetch(remote, f"+refs/heads/{branch}:{reference}")


def _common(paths: Iterable[str]) -> list[str]:
    """The folder that all paths are in, as a pathspec; nothing where that is the root."""
    folders = {path.rpartition("/")[0] for path in paths}
    common = os.path.commonpath(folders) if folders and all(folders) else ""
    return [common] if common else []


def _lock_was_held(finished: Finished) -> bool:
    """Another process of this clone writes the same refs: git says so and doesn't wait."""
    return any(words in finished.error for words in ("File exists", ".lock"))


def _pause(attempt: int) -> None:
    import random
    import time

    time.sleep(random.uniform(0.02, 0.1) * (attempt + 1))
