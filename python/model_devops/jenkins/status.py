"""What a job did last, and what waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from model_devops.adapters.jenkins import Controller

_ASKED = (
    "api/json?tree=description,buildable,inQueue,queueItem[why],"
    "builds[number,result,building,displayName,description,timestamp]{{0,{count}}}"
)


@dataclass(frozen=True)
class JobStatus:
    """A job, its newest builds first."""

    job: str
    url: str
    buildable: bool
    waits: str | None
    """Why a build of it is in the queue, if there is one."""
    builds: list[dict[str, Any]]


def status(controller: Controller, job: str, count: int) -> JobStatus:
    """Ask for the newest `count` builds. Raises NotFoundError and others."""
    url = controller.job_url(job)
    about = controller.read(url + _ASKED.format(count=count))
    queued = about.get("queueItem") or {}
    builds = [_build(url, each) for each in about.get("builds") or []]
    waits = str(queued.get("why") or "in the queue") if about.get("inQueue") else None
    return JobStatus(job, url, about.get("buildable") is not False, waits, builds)


def _build(url: str, about: dict[str, Any]) -> dict[str, Any]:
    began = datetime.fromtimestamp((about.get("timestamp") or 0) / 1000, timezone.utc)
    return {
        "number": about.get("number"),
        "name": about.get("displayName"),
        "result": "running" if about.get("building") else about.get("result"),
        "description": about.get("description"),
        "began": began.isoformat(timespec="seconds"),
        "url": f"{url}{about.get('number')}/",
    }
