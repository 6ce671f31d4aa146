"""A Jenkins controller as its remote API is documented: what it checks, answers and forgets, without its builds.

Login: `robot` with the API token `t0ken-of-robot`, which needs no crumb; or with the password `pass-of-robot`, which
needs the crumb of its session. `away` holds what the next requests get instead of an answer.
"""

import base64
import http.server
import json
import re
import socket
import ssl
import struct
import threading
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

USER, TOKEN, PASSWORD = "robot", "t0ken-of-robot", "pass-of-robot"
FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
PAGE = '<html><head data-crumb-header="Jenkins-Crumb" data-crumb-value="x"></head><body>{}</body></html>'


@dataclass
class Build:
    """A build whose log grows by a chunk with each reading; then it ends."""

    chunks: list[bytes]
    result: str = "SUCCESS"
    log: bytes = b""
    parameters: dict = field(default_factory=dict)
    ending: int = 1
    """How often it still says that it runs after its log is complete."""


@dataclass
class Jenkins:
    url: str = ""
    context: str = "/jenkins"
    crumbs: bool = True
    anonymous: bool = False
    missing: str | None = None
    """A permission that robot lacks for whatever is posted."""
    away: list = field(default_factory=list)
    items: dict[str, str] = field(default_factory=dict)
    builds: dict[str, list[Build]] = field(default_factory=dict)
    next_build: Build = field(default_factory=lambda: Build([b"done\n"]))
    waits: list = field(default_factory=list)
    """What the queue item says before it becomes a build: a reason, or `cancelled`."""
    queue: dict[int, tuple[str, dict]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    seen: list = field(default_factory=list)
    stopped: list = field(default_factory=list)

    def restart(self) -> None:
        """Sessions end; jobs, builds and the queue stay."""
        self.sessions.clear()

    def definitions(self, job: str) -> list[ET.Element]:
        root = ET.fromstring(re.sub(r"^<\?xml.*?\?>", "", self.items[job]))
        return list(root.iterfind("properties/hudson.model.ParametersDefinitionProperty/parameterDefinitions/*"))

    def save(self, job: str, text: str) -> None:
        """As XStream writes it: version 1.1, and with the plugins that know the elements."""
        root = ET.fromstring(re.sub(r"^<\?xml.*?\?>", "", text))
        root.set("plugin", "workflow-job@1400")
        if root.find("definition") is not None:
            root.find("definition").set("plugin", "workflow-cps@4000")
            for name in ("triggers", "disabled"):
                if root.find(name) is None:
                    ET.SubElement(root, name).text = "false" if name == "disabled" else None
        self.items[job] = "<?xml version='1.1' encoding='UTF-8'?>\n" + ET.tostring(root, encoding="unicode")
        self.builds.setdefault(job, [])


class _Answer(Exception):
    def __init__(self, status: int, body: str | bytes = "", headers: dict | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


def _json(document: object) -> _Answer:
    return _Answer(200, json.dumps(document), {"Content-Type": "application/json"})


class _Handler(http.server.BaseHTTPRequestHandler):
    jenkins: Jenkins

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(parts.path.removeprefix(self.jenkins.context))
        self.query = dict(urllib.parse.parse_qsl(parts.query))
        self.jenkins.seen.append((self.command, self.path, dict(self.headers), body))
        try:
            self._away()
            session = self._login(path)
            if self.command == "POST":
                self._crumb(session)
                raise self._post(path, body)
            raise self._read(path, session)
        except _Answer as answer:
            self._send(answer)
        except ConnectionAbortedError:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            self.wfile = self.rfile

    do_POST = do_GET

    def _send(self, answer: _Answer) -> None:
        data = answer.body.encode() if isinstance(answer.body, str) else answer.body
        self.send_response(answer.status)
        for name, value in {"X-Jenkins": "2.500", "Content-Length": str(len(data)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _away(self) -> None:
        if self.jenkins.away:
            what = self.jenkins.away.pop(0)
            if callable(what):
                what = what()
            if what == "reset":
                raise ConnectionAbortedError
            if what is not None:
                raise _Answer(what, PAGE.format("Please wait while Jenkins is getting ready to work"))

    def _login(self, path: str) -> str | None:
        """None: by API token, which needs no crumb. Else the session."""
        given = self.headers.get("Authorization", "")
        if not given:
            if self.jenkins.anonymous and self.command == "GET" and path != "/crumbIssuer/api/json":
                return ""
            page = PAGE.format("anonymous is missing the Overall/Read permission")
            raise _Answer(403, page, {"X-You-Are-Authenticated-As": "anonymous",
                                      "X-Required-Permission": "hudson.model.Hudson.Read"})  # fmt: skip
        user, _, secret = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        if user != USER or secret not in (TOKEN, PASSWORD):
            raise _Answer(401, PAGE.format("Invalid password/token for user: robot"))
        cookie = re.search(r"JSESSIONID=(\w+)", self.headers.get("Cookie", ""))
        return None if secret == TOKEN else (cookie[1] if cookie else "")

    def _crumb(self, session: str | None) -> None:
        if self.jenkins.crumbs and session is not None:
            crumb = self.jenkins.sessions.get(session)
            if crumb is None or self.headers.get("Jenkins-Crumb") != crumb:
                raise _Answer(403, PAGE.format("No valid crumb was included in the request"))
        if self.jenkins.missing:
            raise _Answer(403, PAGE.format("robot is missing a permission"),
                          {"X-Required-Permission": self.jenkins.missing})  # fmt: skip

    def _read(self, path: str, session: str | None) -> _Answer:
        if path == "/crumbIssuer/api/json":
            return self._issue(session)
        item = re.fullmatch(r"/queue/item/(\d+)/api/json", path)
        if item:
            return self._queued(int(item[1]))
        build = re.fullmatch(r"(/job/.+)/(\d+)/(api/json|logText/progressiveText)", path)
        if build:
            return self._build(self._job(build[1]), int(build[2]), build[3])
        if path.endswith("/config.xml"):
            return _Answer(200, self.jenkins.items[self._job(path.removesuffix("/config.xml"))])
        if path.endswith("/api/json"):
            return self._about(self._job(path.removesuffix("/api/json")))
        return _Answer(404, PAGE.format("Not Found"))

    def _issue(self, session: str | None) -> _Answer:
        if not self.jenkins.crumbs:
            return _Answer(404, PAGE.format("Not Found"))
        name = session if session in self.jenkins.sessions else f"s{len(self.jenkins.seen)}"
        crumb = self.jenkins.sessions.setdefault(name, f"crumb-of-{name}")
        answer = _json({"crumb": crumb, "crumbRequestField": "Jenkins-Crumb"})
        answer.headers["Set-Cookie"] = f"JSESSIONID={name}; Path=/"
        return answer

    def _job(self, path: str) -> str:
        name = "/".join(path.removeprefix("/job/").split("/job/"))
        if name not in self.jenkins.items:
            raise _Answer(404, PAGE.format("Not Found"))
        return name

    def _about(self, job: str) -> _Answer:
        jenkins = self.jenkins
        defined = [
            {
                "name": each.findtext("name"),
                "type": each.tag.rpartition(".")[2],
                **({"choices": [item.text or "" for item in each.iter("string")]} if "Choice" in each.tag else {}),
            }
            for each in jenkins.definitions(job)
        ]
        builds = [
            {"number": n, "displayName": f"#{n}", "description": None, "timestamp": 1700000000000,
             "building": bool(each.chunks), "result": None if each.chunks else each.result}
            for n, each in reversed(list(enumerate(jenkins.builds[job], 1)))
        ]  # fmt: skip
        return _json({
            "description": ET.fromstring(re.sub(r"^<\?xml.*?\?>", "", jenkins.items[job])).findtext("description"),
            "buildable": "<disabled>true" not in jenkins.items[job],
            "property": [{}, {"parameterDefinitions": defined}] if defined else [{}],
            "builds": builds,
            "inQueue": bool(jenkins.waits),
            "queueItem": {"why": jenkins.waits[0]} if jenkins.waits else None,
        })  # fmt: skip

    def _queued(self, number: int) -> _Answer:
        if number not in self.jenkins.queue:
            return _Answer(404, PAGE.format("Not Found"))
        job, parameters = self.jenkins.queue[number]
        if self.jenkins.waits:
            why = self.jenkins.waits.pop(0)
            return _json({"cancelled": why == "cancelled", "why": why, "executable": None})
        if not parameters.get("built"):
            self.jenkins.next_build.parameters = dict(parameters)
            self.jenkins.builds[job].append(self.jenkins.next_build)
            parameters["built"] = len(self.jenkins.builds[job])
        # The address that was configured may be another than the one that is used.
        executable = {"number": parameters["built"], "url": f"http://jenkins.internal/job/x/{parameters['built']}/"}
        return _json({"cancelled": False, "why": None, "executable": executable})

    def _build(self, job: str, number: int, what: str) -> _Answer:
        builds = self.jenkins.builds[job]
        if not 0 < number <= len(builds):
            return _Answer(404, PAGE.format("Not Found"))
        build = builds[number - 1]
        if what == "api/json":
            running = bool(build.chunks) or build.ending > 0
            build.ending -= 1
            return _json({"building": running, "result": None if running else build.result, "description": "1.2.3"})
        return self._log(build, int(self.query.get("start", 0)))

    def _log(self, build: Build, start: int) -> _Answer:
        """As stapler's LargeText: whole lines while it grows, all at the end, from 0 where `start` is too far."""
        if build.chunks:
            build.log += build.chunks.pop(0)
        complete = not build.chunks
        start = 0 if start > len(build.log) else start
        size = len(build.log) if complete else max(build.log.rfind(b"\n") + 1, start)
        more = {} if complete else {"X-More-Data": "true"}
        return _Answer(
            200, build.log[start:size], {"Content-Type": "text/plain;charset=UTF-8", "X-Text-Size": str(size), **more}
        )

    def _post(self, path: str, body: bytes) -> _Answer:
        if path.endswith("/createItem"):
            return self._create(path.removesuffix("/createItem"), body)
        if path.endswith("/config.xml"):
            self.jenkins.save(self._job(path.removesuffix("/config.xml")), body.decode())
            return _Answer(200)
        for verb in ("/buildWithParameters", "/build"):
            if path.endswith(verb):
                return self._schedule(
                    self._job(path.removesuffix(verb)), verb, dict(urllib.parse.parse_qsl(body.decode()))
                )
        self.jenkins.stopped.append(path)
        return _Answer(404, PAGE.format("Not Found"))

    def _create(self, above: str, body: bytes) -> _Answer:
        folder = f"{self._job(above)}/" if above else ""
        name = self.query["name"]
        if f"{folder}{name}" in self.jenkins.items:
            return _Answer(400, PAGE.format("exists"), {"X-Error": f"A job already exists with the name {name}"})
        self.jenkins.save(f"{folder}{name}", body.decode())
        return _Answer(200)

    def _schedule(self, job: str, verb: str, parameters: dict) -> _Answer:
        if "<disabled>true" in self.jenkins.items[job]:
            return _Answer(409, PAGE.format("not buildable"))
        names = [each.findtext("name") for each in self.jenkins.definitions(job)]
        if verb == "/build" and names:
            return _Answer(400, PAGE.format("This page expects a form submission"))
        if verb == "/buildWithParameters" and not names:
            return _Answer(500, PAGE.format("This build is not parameterized!"))
        number = len(self.jenkins.queue) + 1
        self.jenkins.queue[number] = (job, {name: parameters[name] for name in names if name in parameters})
        return _Answer(201, "", {"Location": f"{self.jenkins.url}queue/item/{number}/"})

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that gives up is no news."""


@contextmanager
def jenkins_server(tls: ssl.SSLContext | None = None) -> Iterator[Jenkins]:
    jenkins = Jenkins()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"jenkins": jenkins}))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    jenkins.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}{jenkins.context}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield jenkins
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
