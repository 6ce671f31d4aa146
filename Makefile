# Needs Python 3.10 or newer, git and make. Everything else goes into .venv/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help venv demo demo-kubernetes test lint types unit cluster-programs cluster groovy wheel wheel-check bench soak lock clean

PYTHON ?= python3
BIN := .venv/bin
LIBRARY := resources/org/modeldevops
PIP_COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

venv:
	@PYTHON=$(PYTHON) .ci/venv

demo: venv  ## take a real model through its whole life on this machine
	@$(BIN)/python demo/run.py

demo-kubernetes: cluster-programs  ## the same in a real Kubernetes, started for it (needs root on Linux, and Go)
	@$(BIN)/python tests/support/demo_in_cluster.py

test: lint types wheel-check unit groovy  ## all that a change must pass: lint, types, tests, the demo's story
	@$(BIN)/python demo/run.py

lint: venv  ## style and common mistakes
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Run: $(BIN)/ruff format ." >&2; exit 1; }

types: venv
	@$(BIN)/mypy --config-file python/pyproject.toml python/model_devops $(LIBRARY)/agent.py tools/build_wheel.py

unit: venv cluster-programs
	@.ci/programs dockerd=docker.io skopeo
	@$(BIN)/python -m pytest --quiet -n 2 --cov --cov-config=python/pyproject.toml --cov-report=term:skip-covered

cluster-programs: venv
	@.ci/programs containerd runc docker-registry iptables ip=iproute2 setpriv=util-linux \
		/usr/lib/cni/bridge=containernetworking-plugins
	@$(BIN)/python tests/support/cluster_programs.py

cluster: cluster-programs  ## a real Kubernetes to play with, until Ctrl-C (needs root on Linux, and Go)
	@exec $(BIN)/python tests/support/cluster.py

groovy: venv  ## tests of the Jenkins library (needs Java; Gradle is installed on Debian where it may be)
	@.ci/groovy

wheel: venv  ## what the Jenkins library brings to agents: the CLI's wheel and its requirements
	@$(BIN)/python tools/build_wheel.py $(LIBRARY)

wheel-check: venv  ## fail if what `make wheel` writes is stale
	@$(BIN)/python tools/build_wheel.py --check $(LIBRARY)

bench: venv  ## ratios against named peers
	@$(BIN)/python bench/run.py

soak: venv  ## the long tests, with hundreds of rounds
	@MODEL_DEVOPS_SOAK=1 $(BIN)/python -m pytest --quiet -n 2 -m soak --timeout 3600

lock: venv  ## resolve the dependencies anew (with Python 3.11)
	@$(BIN)/python -m pip --quiet install pip-tools
	@$(PIP_COMPILE) --upgrade --constraint requirements/dev.in --output-file requirements/cli.txt python/pyproject.toml
	@$(PIP_COMPILE) --upgrade --constraint requirements/cli.txt --extra jenkins \
		--output-file requirements/jenkins.txt python/pyproject.toml
	@$(PIP_COMPILE) --upgrade --constraint requirements/jenkins.txt --extra jenkins \
		--output-file requirements/dev.txt python/pyproject.toml requirements/dev.in

clean:  ## remove all that make made
	@rm -rf .venv .cache .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist python/*.egg-info
	@find . -name __pycache__ -prune -exec rm -rf {} +
