"""Pods that are watched after their proof, before a deploy counts as verified (D13)."""

from __future__ import annotations

import json

import pytest

from deployed import Deployed
from packaged import SERVE

pytestmark = pytest.mark.timeout(300)
VERIFY = """\
    verify:
      window: 4s
      every: 1s
      metrics: /metrics
      requests: asked.jsonl
      gates: {latency_p95_ms: {max: 5000}, metrics.errors_total: {max: 0}}
"""
METERED = SERVE.replace(
    "        body = json",
    """\
        if DIES and self.path == "/predict":
            seen.setdefault("predicted", []).append(1)
            if len(seen["predicted"]) > 2:
                os._exit(3)
        if self.path == "/metrics":
            seen.setdefault("asked", []).append(1)
            number = len(seen["asked"]) if GROWS else 7
            body = f"# TYPE errors counter\\nerrors_total {number}\\n".encode()
            self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
            self.wfile.write(body)
            return
        body = json""",
)


def metered(*, grows: bool = False, dies: bool = False) -> str:
    """A server with metrics, whose errors grow, or that ends when it is asked for the third time."""
    return f"GROWS, DIES = {grows}, {dies}\n{METERED}"


def test_D13_pods_that_hold_are_verified_and_others_are_taken_back_as_a_whole(deployed: Deployed) -> None:
    deployed.settings("    min_ready: 1s\n", f"    min_ready: 1s\n{VERIFY}")
    deployed.settings("  digest: /model\n", "  digest: /model\n  smoke: [{path: /predict}]\n")
    deployed.settings("code: [", "code: [asked.jsonl, ")
    first = deployed.release(1, **{"serve.py": metered(), "asked.jsonl": '{"path": "/me"}\n'})
    done = deployed.ok("deploy", "prod")
    assert "watching what serves for 4s" in done["err"]
    shown = json.dumps(deployed.ok("release", "show", first))
    for figure in ("latency_p95_ms", "not_ready", "restarts", "wrong_answers", "metrics.errors_total"):
        assert f'"{figure}"' in shown
    deployed.release(2, **{"serve.py": metered(grows=True)})
    failed = deployed.run("deploy", "prod")
    assert failed["code"] == 5, failed["err"]
    assert "metrics.errors_total is" in failed["error"]["message"]
    assert f"{first} runs again" in failed["error"]["message"]
    deployed.release(3, **{"serve.py": metered(), "asked.jsonl": '{"path": "/me", "expect": {"uid": -1}}\n'})
    failed = deployed.run("deploy", "prod")
    assert failed["code"] == 5, failed["err"]
    assert "(GET /me: uid is 65532, expected -1)" in failed["error"]["message"]
    deployed.release(4, **{"serve.py": metered(dies=True), "asked.jsonl": '{"path": "/me"}\n'})
    failed = deployed.run("deploy", "prod")
    assert failed["code"] == 5, failed["err"]
    assert "allowed at most 0 (GET /predict gave no answer" in failed["error"]["message"]
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == first
