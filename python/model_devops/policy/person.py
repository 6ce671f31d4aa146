"""Who speaks, who vouches for it, and whether an approval may come from them (A1)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_devops.adapters.ci import Build
from model_devops.config.types import Approval
from model_devops.errors import RefusedError, UsageError
from model_devops.policy.trust import Trust, signed_with
from model_devops.project import Project
from model_devops.release.evidence import Evidence
from model_devops.release.standing import Accept
from model_devops.release.store import Stored

if TYPE_CHECKING:
    from model_devops.adapters.keys import PublicKey, Signer

CLI, SIGNED = "cli", "signed"
_LONGEST = 200


@dataclass(frozen=True)
class Person:
    """A name, and the origin that vouches for it: `jenkins`, `ci`, `signed` or `cli`."""

    name: str
    origin: str


def who(build: Build, named: str | None = None, environ: Mapping[str, str] = os.environ) -> Person:
    """Who runs this: CI's word where it has one, else `named` (--as) or the operating system's user (A1).

    In CI the system's user is a machine's account and nobody's word: UsageError. A name is for people: no
    control characters, at most 200.
    """
    if named is not None:
        return Person(_name(named), CLI)
    vouched = _vouched(build, environ)
    if vouched is not None:
        return vouched
    if build.ci != "none":
        raise UsageError(
            f"{build.ci} does not say who approves",
            kind="nobody",
            hint="approve in an input step (Jenkins), a manual job (GitLab) or a run that a person starts;"
            " or name somebody with --as, where the environment accepts that",
        )
    import pwd

    try:
        return Person(_name(pwd.getpwuid(os.getuid()).pw_name), CLI)
    except KeyError:
        raise UsageError("this user has no name", kind="nobody", hint="name somebody with --as") from None


def _vouched(build: Build, environ: Mapping[str, str]) -> Person | None:
    if build.ci == "jenkins" and environ.get("MODEL_DEVOPS_APPROVER"):
        return Person(_name(environ["MODEL_DEVOPS_APPROVER"]), "jenkins")
    manual = build.ci == "github" or (build.ci == "gitlab" and environ.get("CI_JOB_MANUAL") == "true")
    return Person(_name(build.actor), "ci") if manual and build.actor else None


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST:
        raise UsageError(f"{text[:_LONGEST]!r} is no name of a person", hint="give a name that can be printed")
    return text.strip()


def vouched_only(approvals: Iterable[Approval]) -> bool:
    """Whether one of them says who may approve, so that a name given on the command line won't do (A1)."""
    return any(approval.by or approval.not_author is not False for approval in approvals)


def accepts(approvals: Iterable[Approval], trust: Trust) -> Accept:
    """Which `withdrawn` count for an environment: those of its approvals' origins, signed as it asks (S5)."""
    approvals = list(approvals)

    def accept(item: Evidence) -> bool:
        speakers = [speaker(item, approval) for approval in approvals if vouched_only([approval])]
        signed = trust.holds(item) or any(person.origin == SIGNED for person in speakers)
        return signed and all(person.origin != CLI for person in speakers)

    return accept


def speaker(item: Evidence, approval: Approval) -> Person:
    """Whose word a statement is: the owner's of the key that signed it (A1), else what it says itself.

    That it says itself it was signed is nobody's word.
    """
    for name, keys in persons(approval).items():
        if signed_with(item, keys):
            return Person(name, SIGNED)
    origin = CLI if item.body.origin == SIGNED else item.body.origin
    return Person(item.body.by or "nobody", origin)


def signing(person: Person, approvals: Iterable[Approval], signer: Signer | None) -> Person:
    """Who speaks with this key: its owner, where the policy names one. Raises RefusedError for another's name."""
    if signer is None:
        return person
    owners = {name for one in approvals for name, keys in persons(one).items() if signer.public in keys}
    if not owners or person.origin != CLI:
        return person
    if person.name in owners:
        return Person(person.name, SIGNED)
    raise RefusedError(
        f"this key is that of {', '.join(sorted(owners))}, not of {person.name}",
        kind="not-your-key",
        hint=f"say so: --as {min(owners)}; or sign with a key of your own",
    )


def persons(approval: Approval) -> dict[str, list[PublicKey]]:
    """The keys of persons, by name."""
    from model_devops.adapters.keys import load_public

    return {name: [load_public(pem, f"the key of {name}")] for name, pem in approval.keys.items()}


def objection(approval: Approval, person: Person, project: Project, release: Stored) -> str | None:
    """Why this approval may not come from this person, or None (A1)."""
    if vouched_only([approval]) and person.origin == CLI:
        whose = "CI's word or a person's key counts" if approval.keys else "CI's word counts"
        return f"{person.name} is a name given on the command line, and only {whose} here"
    if approval.by and person.name not in approval.by:
        return f"{person.name} may not approve; allowed: {', '.join(approval.by)}"
    if approval.not_author is False:
        return None
    written = authors(project, release)
    if written is None:
        return f"the commits of {release.version} are not in this clone, so its authors are not known"
    if isinstance(approval.not_author, bool):
        return _same_name(person.name, written)
    return _mapped(person.name, written, approval.not_author)


def authors(project: Project, release: Stored) -> set[tuple[str, str]] | None:
    """Name and mail of everybody who wrote a commit of this release since its base; None where git can't tell.

    A release without a known base is its commit's author's: that commit may have all of history behind it.
    """
    git, commit = project.git, release.record.commit
    if git is None or commit is None or not git.has(commit):
        return None
    start = _commit_of(project, release.record.base) if release.record.base else None
    since = [f"^{start}"] if start and git.has(start) else ["--max-count=1"]
    written = git.run("log", "--format=%an%x00%ae%x00", *since, commit) + git.run(
        "log", "--max-count=1", "--format=%an%x00%ae%x00", commit
    )
    parts = [part.strip("\n") for part in written.split("\0")]
    return {(name, mail) for name, mail in zip(parts[::2], parts[1::2], strict=False) if name or mail}


def _commit_of(project: Project, version: str) -> str | None:
    """The commit of a number: its tag's, which is the claim (V4), else the store's."""
    claim = next((tag for tag in project.tags if tag.version == version and tag.record), None)
    if claim is not None:
        return claim.commit
    stored = project.store.find(version)
    return stored.record.commit if stored else None


def _mapped(name: str, written: set[tuple[str, str]], names: dict[str, str]) -> str | None:
    """A map from git authors' mails to CI's names: whoever isn't in it could be anybody."""
    known = {mail.lower(): ci for mail, ci in names.items()}
    if name not in known.values():
        return f"{name} is not in the map of not_author, so nobody knows which commits are theirs"
    strangers = sorted(mail for _, mail in written if mail.lower() not in known)
    if strangers:
        return f"authors of this release are not in the map of not_author: {', '.join(strangers)}"
    own = [mail for _, mail in written if known[mail.lower()] == name]
    return f"{name} wrote commits of this release ({', '.join(sorted(own))})" if own else None


def _same_name(name: str, written: set[tuple[str, str]]) -> str | None:
    """Without a map: the same name, mail or account, as far as that can be seen."""
    for author, mail in sorted(written):
        account = re.sub(r"^\d+\+", "", mail.partition("@")[0])
        if name.lower() in (author.lower(), mail.lower(), account.lower()):
            return f"{name} wrote commits of this release ({author} <{mail}>)"
    return None
