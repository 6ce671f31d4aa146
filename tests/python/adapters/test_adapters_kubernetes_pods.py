"""Logs, commands and requests inside of real pods, also where the way there breaks."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster as Kube
from cluster_line import Line, account, client_of
from fault_proxy import Exchange, resets, says
from model_devops.adapters.answers import Answer
from model_devops.adapters.kubernetes import pods
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.pods import execute, logs
from model_devops.adapters.kubernetes.refusals import NoProgramError, NotRunningError
from model_devops.adapters.kubernetes.tunnel import forward
from model_devops.errors import RefusedError, UnreachableError

SERVER = """
import http.server, itertools, json, os, sys, time
connections = itertools.count()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = os.environ["PROTOCOL"]
    def setup(self):
        super().setup()
        self.number, self.asked = next(connections), 0
    def do_GET(self):
        self.asked += 1
        if self.path == "/drop" or (self.path == "/second" and self.asked > 1):
            self.close_connection = True
            return
        if self.path == "/slow":
            time.sleep(30)
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        said = {"path": self.path, "body": body, "connection": self.number, "kind": self.headers.get("content-type")}
        data = b"x" * 3_000_000 if self.path == "/large" else json.dumps(said).encode()
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_POST = do_GET
    def log_message(self, *_):
        print(self.path, flush=True)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def container(image: str, name: str, *command: str, **environment: str) -> dict[str, Any]:
    variables = [{"name": key, "value": value} for key, value in environment.items()]
    return {"name": name, "image": image, "command": list(command), "env": variables}


@pytest.fixture(scope="module")
def place(cluster: Kube, python_image: str) -> Iterator[str]:
    """A namespace with the pods `model` (two servers, what has ended), `crash` (restarted once) and `waiting`."""
    with cluster.namespace() as name:
        old = [word.replace("8080", "8081") for word in ("python3", "-c", SERVER)]
        containers = [
            container(python_image, "server", "python3", "-c", SERVER, PROTOCOL="HTTP/1.1"),
            container(python_image, "old", *old, PROTOCOL="HTTP/1.0"),
            container(python_image, "ended", "sh", "-c", "echo first; echo second; echo third"),
        ]
        spec = {"containers": containers, "restartPolicy": "Never", "terminationGracePeriodSeconds": 0}
        model = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "model"}, "spec": spec}
        once = (
            "[ -e /kept/seen ] && exec python3 -c 'import time; time.sleep(3600)'; : >/kept/seen; echo failing; exit 3"
        )
        failing = container(python_image, "failing", "sh", "-c", once)
        failing["volumeMounts"] = [{"name": "kept", "mountPath": "/kept"}]
        volumes = [{"name": "kept", "emptyDir": {}}]
        again = {"containers": [failing], "volumes": volumes, "terminationGracePeriodSeconds": 0}
        crash = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "crash"}, "spec": again}
        nowhere = {"containers": [container(python_image, "server", "true")], "nodeSelector": {"is": "nowhere"}}
        waiting = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "waiting"}, "spec": nowhere}
        cluster.apply(model, crash, waiting, namespace=name)
        started = "{.status.containerStatuses[?(@.name=='ended')].state.terminated.reason}=Completed"
        cluster.kubectl("wait", "-n", name, f"--for=jsonpath={started}", "pod/model", "--timeout=60s")
        restarted = "{.status.containerStatuses[0].restartCount}=1"
        cluster.kubectl("wait", "-n", name, f"--for=jsonpath={restarted}", "pod/crash", "--timeout=60s")
        wait_for_answer(client_of(cluster.kubeconfig), name, 8080)
        wait_for_answer(client_of(cluster.kubeconfig), name, 8081)
        yield name


def wait_for_answer(client: Cluster, namespace: str, port: int) -> None:
    while True:
        with forward(client, namespace, "model", port) as tunnel:
            if tunnel.request("GET", "/", seconds=10).ok:
                return
        time.sleep(0.1)


@pytest.fixture
def client(cluster: Kube) -> Cluster:
    return client_of(cluster.kubeconfig)


@pytest.fixture
def run(client: Cluster, place: str) -> Callable[..., Any]:
    def run(*argv: str, pod: str = "model", container: str = "server", timeout: float = 30, **more: Any) -> Any:
        return execute(client, place, pod, container, argv, timeout=timeout, **more)

    return run


def test_a_command_gives_its_code_and_both_outputs(run) -> None:
    done = run("sh", "-c", "printf 'out\\377'; echo err >&2; exit 42")
    assert done == (42, b"out\xff", b"err\n", False)
    assert run("sh", "-c", "true").code == 0


def test_arguments_arrive_as_they_are(run) -> None:
    words = ["a b", "", "c=d&e", "$HOME", "é", "'\"", "\n", "--", "%41"]
    program = "import json, sys; print(json.dumps(sys.argv[1:]))"
    assert json.loads(run("python3", "-c", program, *words).stdout) == words


def test_a_script_is_read_to_its_end(run) -> None:
    assert run("python3", "-", stdin=b"print(6 * 7)\n").stdout == b"42\n"
    count = "import sys; print(len(sys.stdin.buffer.read()))"
    assert run("python3", "-c", count, stdin=b"x" * 200_000).stdout == b"200000\n"
    assert run("python3", "-c", count, stdin=b"").stdout == b"0\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_is_kept_up_to_a_limit_and_the_code_is_known(run, stream: str) -> None:
    program = f"import sys; sys.{stream}.write('x' * 100_000); sys.exit(3)"
    done = run("python3", "-c", program, limit=1000)
    assert (done.code, getattr(done, stream), done.cut) == (3, b"x" * 1000, True)
    done = run("python3", "-c", program, limit=100_000)
    assert (len(getattr(done, stream)), done.cut) == (100_000, False)


def test_a_command_that_takes_too_long_is_left(run) -> None:
    with pytest.raises(UnreachableError) as caught:
        run("python3", "-c", "import time; time.sleep(60)", timeout=1)
    where = "in container server of pod model did not end within 1 s"
    assert caught.value.message == f"`python3 -c 'import time; time.sleep(60)'` {where}"
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "/etc/passwd", "/etc"])
def test_a_program_that_is_not_there_is_not_one_that_failed(run, program: str) -> None:
    with pytest.raises(NoProgramError) as caught:
        run(program)
    assert caught.value.message.startswith(f"container server of pod model can't run {program}: ")
    assert run("sh", "-c", program).code in (126, 127)


@pytest.mark.parametrize(("pod", "container"), [("model", "ended"), ("waiting", "server")])
def test_a_container_that_does_not_run_is_told_apart(run, pod: str, container: str) -> None:
    with pytest.raises(NotRunningError):
        run("true", pod=pod, container=container)


def test_a_pod_and_a_container_that_are_not_there_are_named(run) -> None:
    with pytest.raises(RefusedError, match='pods "nobody" not found') as caught:
        run("true", pod="nobody")
    assert caught.value.kind == "not-there"
    with pytest.raises(RefusedError, match="container nobody is not valid for pod model"):
        run("true", container="nobody")


def test_the_right_to_run_commands_is_named(cluster: Kube, place: str, tmp_path: Path) -> None:
    account(cluster, place, "viewer", role="view")
    client = client_of(cluster.as_account(place, "viewer", tmp_path / "kubeconfig"), [])
    who = f"system:serviceaccount:{place}:viewer"
    with pytest.raises(RefusedError, match="pods/exec") as caught:
        execute(client, place, "model", "server", ["true"], timeout=30)
    assert caught.value.message.startswith(f"{who} may not ")
    assert caught.value.kind == "forbidden"
    with pytest.raises(RefusedError, match="pods/portforward"), forward(client, place, "model", 8080) as tunnel:
        tunnel.request("GET", "/", seconds=10)


def test_logs_are_the_last_lines_up_to_a_limit(client: Cluster, place: str) -> None:
    assert logs(client, place, "model", "ended") == "first\nsecond\nthird\n"
    assert logs(client, place, "model", "ended", lines=2) == "second\nthird\n"
    assert logs(client, place, "model", "ended", limit=9) == "first\nsec"


def test_logs_of_the_run_before(client: Cluster, place: str) -> None:
    assert logs(client, place, "crash", "failing", previous=True) == "failing\n"
    assert logs(client, place, "crash", "failing") == ""
    assert logs(client, place, "model", "ended", previous=True) is None
    assert logs(client, place, "nobody", "ended") is None


@pytest.fixture
def ask(client: Cluster, place: str) -> Iterator[Callable[..., Answer]]:
    with forward(client, place, "model", 8080) as tunnel:
        yield lambda method="GET", path="/", seconds=30, **more: tunnel.request(method, path, seconds=seconds, **more)


def test_a_pods_server_is_asked_without_a_port_here(ask) -> None:
    answer = ask("POST", "/predict", body={"x": [1, "é"]})
    assert (answer.status, answer.ok) == (200, True)
    said = answer.json()
    assert json.loads(said["body"]) == {"x": [1, "é"]}
    assert (said["path"], said["kind"]) == ("/predict", "application/json")
    missing = ask(path="/none")
    assert (missing.status, missing.ok) == (404, False)


def test_a_connection_is_kept_and_counted_once(ask, client: Cluster) -> None:
    assert len({ask(path=f"/{number}").json()["connection"] for number in range(5)}) == 1
    assert client.requests == 1


def test_a_server_that_keeps_no_connection_is_asked_over_another(client: Cluster, place: str) -> None:
    with forward(client, place, "model", 8081) as tunnel:
        found = {tunnel.request("GET", "/", seconds=30).json()["connection"] for _ in range(3)}
    assert len(found) == 3
    assert client.requests == 3


def test_a_kept_connection_that_ended_is_made_anew(ask) -> None:
    first = ask(path="/")
    second = ask(path="/second")
    assert second.ok
    assert second.json()["connection"] != first.json()["connection"]


def test_a_server_that_hangs_up_has_not_answered(ask) -> None:
    assert ask(path="/drop") == Answer(0, "the server ends the connection without an answer")
    assert ask(path="/").ok


def test_an_answer_that_does_not_come_in_time(ask) -> None:
    assert ask(path="/slow", seconds=0.5) == Answer(0, "no answer in time")
    assert ask(path="/").ok


def test_an_answer_is_read_up_to_a_limit(ask) -> None:
    assert len(ask(path="/large").text) == 1 << 20
    assert ask(path="/").ok


def test_a_port_where_nobody_listens(client: Cluster, place: str) -> None:
    with forward(client, place, "model", 9999) as tunnel:
        answer = tunnel.request("GET", "/", seconds=30)
    assert (answer.status, answer.refused) == (0, True)
    assert "connection refused" in answer.text


@pytest.mark.parametrize("pod", ["waiting", "nobody"])
def test_a_pod_that_does_not_run_cannot_be_asked(client: Cluster, place: str, pod: str) -> None:
    with pytest.raises(RefusedError) as caught, forward(client, place, pod, 8080) as tunnel:
        tunnel.request("GET", "/", seconds=30)
    assert caught.value.kind == {"waiting": "not-running", "nobody": "not-there"}[pod]


def test_many_pods_at_once(client: Cluster, place: str) -> None:
    def one(number: int) -> tuple[bytes, str]:
        done = execute(client, place, "model", "server", ["sh", "-c", f"echo {number}"], timeout=60)
        with forward(client, place, "model", 8080) as tunnel:
            return done.stdout, tunnel.request("GET", f"/{number}", seconds=60).json()["path"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(24)))
    assert found == [(f"{number}\n".encode(), f"/{number}") for number in range(24)]
    assert client.requests == 48


@pytest.fixture
def broken(line: Line, cluster: Kube, place: str) -> Line:
    """A line that may look into the pods of `place`."""
    name = line.client.default_namespace
    who = f"--serviceaccount={name}:admin-of-this-namespace"
    cluster.kubectl("create", "rolebinding", "-n", place, name, "--clusterrole=admin", who)
    return line


def test_the_way_in_is_tried_again(broken: Line, place: str) -> None:
    broken.proxy.on("GET", "/exec", says(503))
    broken.proxy.on("GET", "/exec", resets)
    broken.proxy.on("GET", "/exec", says(401))
    assert execute(broken.client, place, "model", "server", ["sh", "-c", "echo in"], timeout=60).stdout == b"in\n"
    assert broken.client.requests == 4
    assert len(broken.pauses) == 2


def test_the_way_in_is_not_tried_longer_than_asked(broken: Line, place: str) -> None:
    broken.client.session.pause = time.sleep
    broken.proxy.on("GET", "/exec", says(503, b"tired"), times=100)
    with pytest.raises(UnreachableError, match="answers 503: tired"):
        execute(broken.client, place, "model", "server", ["true"], timeout=1)
    assert 2 <= broken.client.requests <= 4


def older(exchange: Exchange) -> None:
    """As servers before 1.30 do, which know no protocol that tells the end of what is sent."""
    offered = exchange.seen.headers["sec-websocket-protocol"].split(",")
    if "v4.channel.k8s.io" not in offered:
        exchange.answer(400, {}, b"unable to upgrade: none of the protocols is supported")
    else:
        exchange.seen.headers["sec-websocket-protocol"] = "v4.channel.k8s.io"
        exchange.join()


def test_an_older_cluster_runs_commands_and_takes_no_script(broken: Line, place: str) -> None:
    broken.proxy.on("GET", "/exec", older, times=100)
    assert execute(broken.client, place, "model", "server", ["sh", "-c", "echo in"], timeout=60).stdout == b"in\n"
    with pytest.raises(RefusedError, match="none of the protocols is supported"):
        execute(broken.client, place, "model", "server", ["python3", "-"], stdin=b"print()", timeout=60)


def test_a_command_whose_connection_breaks_is_neither_failed_nor_done(broken: Line, place: str) -> None:
    def breaks(exchange: Exchange) -> None:
        exchange.join(400)

    broken.proxy.on("GET", "/exec", breaks, times=100)
    with pytest.raises(UnreachableError, match="in container server of pod model broke off") as caught:
        execute(broken.client, place, "model", "server", ["python3", "-c", "while True: print()"], timeout=60)
    assert caught.value.kind == "cluster"
    assert broken.client.requests == 1


def test_a_log_is_not_waited_for_as_long_as_other_answers(broken: Line, place: str) -> None:
    broken.proxy.on("GET", "/log", says(500, b"no route to the node"), times=100)
    with pytest.raises(UnreachableError):
        logs(broken.client, place, "model", "ended")
    assert broken.client.requests == pods._LOG_ATTEMPTS
