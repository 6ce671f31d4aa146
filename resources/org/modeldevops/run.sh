#!/bin/sh
# Runs one verb of model-devops on an agent: finds a Python and hands over to agent.py, which finds the CLI.
# What it works on is in its environment (docs/agents.md, "What a call consists of"). `exec` keeps one process from
# here to the CLI, so that an abort reaches the CLI itself and its exit code is this script's.
set -u

# A string as JSON writes it, with the shell alone: an agent may have nothing else.
json() {
    rest=$1 written=
    while [ -n "$rest" ]; do
        tail=${rest#?}
        char=${rest%"$tail"}
        case $char in
            [[:cntrl:]]) written="$written " ;;
            [\"\\]) written="$written\\$char" ;;
            *) written=$written$char ;;
        esac
        rest=$tail
    done
    printf '"%s"' "$written"
}

# Prints the version; fails if it is too old or, like Debian's python3-minimal, only a part of Python.
probe='import sys
version = "%d.%d.%d" % sys.version_info[:3]
fit = sys.version_info >= (3, 10)
if fit:
    try:
        import dataclasses, fcntl, json, shutil
    except ImportError:
        fit = False
        version += " without its standard library"
print(version)
sys.exit(not fit)'

# Take `$1` if it is a Python that will do; remember it in `found` if it won't.
try() {
    path=$(command -v "$1" 2>/dev/null) || return 0
    if version=$("$path" -E -S -c "$probe" 2>/dev/null); then
        exec "$path" -I "$MODEL_DEVOPS_CALL/agent.py"
    fi
    found="${found:+$found, }$path (${version:-does not start})"
}

found=
if [ -n "${MODEL_DEVOPS_PYTHON:-}" ]; then
    try "$MODEL_DEVOPS_PYTHON"
    found=${found:-"no program $MODEL_DEVOPS_PYTHON, which MODEL_DEVOPS_PYTHON names"}
else
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
        try "$name"
    done
fi

agent=${NODE_NAME:-$(uname -n 2>/dev/null || echo 'without a name')}
message="agent \"$agent\" has no Python that model-devops can use: 3.10 or newer is needed; found: ${found:-none on PATH=${PATH:-}}"
hint='install Python 3.10 or newer on it (Debian and Ubuntu: apt-get install python3 python3-venv), or set MODEL_DEVOPS_PYTHON to one'
result=$MODEL_DEVOPS_CALL/result.json
printf '{"format": "model-devops.result.v1", "program": %s, "status": "usage", "exitCode": 2, "summary": %s,
 "error": {"kind": "agent", "message": %s, "problems": [], "hint": %s},
 "warnings": [], "release": null, "revision": null, "reports": []}\n' \
    "$(json "$MODEL_DEVOPS_CLI_VERSION")" "$(json "usage: $message")" "$(json "$message")" "$(json "$hint")" >"$result"
printf 'model-devops: %s\n  next: %s\n' "$message" "$hint" >&2
exit 2
