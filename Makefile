# Every command of this repository. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHISPER_VENV := .venv-whisper
# What `make bench-peers` compares with is nowhere else.
PEERS := .venv-peers
UV_VERSION := 0.13.9
AUDIO ?=
SEED ?= 1
PROMPTS ?=
# Hashes of packages look like keys.
NO_HASHES := ':!requirements*.txt' ':!benchmarks/peers/requirements.txt' ':!.secrets.baseline'
EXTRA ?=
STORE ?=
SESSIONS ?= 400
SOAK ?=
DRAIN ?=
OPENAI_WHISPER ?=
# Tests mostly wait: three processes keep two cores busy. Each has servers of its own.
SIDE_BY_SIDE ?= -n 3 --dist loadfile

.PHONY: help setup setup-dev run demo seed unseed test test-long chaos check eval lint known-secrets types lock memory bench bench-overhead bench-guard bench-cold bench-audio bench-speech bench-quotes bench-whisper bench-dashboard bench-peers bench-growth bench-scaling load screenshots clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.dev: requirements-dev.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.txt
	@touch $@

setup: $(BIN)/uv ## make .venv with what production needs
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.txt

setup-dev: $(VENV)/.dev ## make .venv with tests and the local stack, too

run: $(VENV)/.dev ## start everything on this machine; Ctrl-C stops it
	@$(BIN)/python -m local.stack run

demo: $(VENV)/.dev ## process one recording and print the feedback: make demo AUDIO=talk.mp3
	@$(BIN)/python -m local.stack demo $(if $(AUDIO),"$(AUDIO)")

seed: $(VENV)/.dev ## fill the running stack with made-up sessions: make seed SESSIONS=100000
	@$(BIN)/python -m local.stack seeding -- fill --sessions $(SESSIONS) --seed $(SEED)

unseed: $(VENV)/.dev ## take the made-up sessions out of the running stack
	@$(BIN)/python -m local.stack seeding remove

test: $(VENV)/.dev ## run all tests but those that take minutes
	$(BIN)/python -m pytest -m "not chaos and not long" $(SIDE_BY_SIDE)

test-long: $(VENV)/.dev ## run the tests that take minutes: long recordings, damaged files, the whole document
	$(BIN)/python -m pytest -m long

chaos: $(VENV)/.dev ## run every injected fault, by chance from SEED: make chaos SEED=7
	CHAOS_SEED=$(SEED) $(BIN)/python -m pytest tests/faults -n 3 --dist worksteal

check: lint types test ## what CI runs

# EXTRA: golden cases that staff made, as exported; STORE=1: keep the runs for the dashboard.
eval: $(VENV)/.dev ## score the analysis on the golden set: make eval PROMPTS="v1 v2" STORE=1
	@$(BIN)/python -m evaluation $(if $(PROMPTS),--prompts $(PROMPTS)) \
		$(if $(EXTRA),--extra "$(EXTRA)") $(if $(STORE),--store)

lint: $(VENV)/.dev ## ruff: rules and format; no secret in what git knows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z -- $(NO_HASHES) | xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

known-secrets: $(VENV)/.dev ## write down anew what looks like a secret and is none; read the change
	git ls-files -z -- $(NO_HASHES) | xargs -0 $(BIN)/detect-secrets scan --slim > .secrets.baseline

types: $(VENV)/.dev ## mypy, strictly
	$(BIN)/mypy

bench: bench-overhead bench-cold bench-whisper bench-scaling bench-peers bench-growth ## measure all of docs/performance.md that concerns speed, about 50 minutes; past missed goals: make -k bench

bench-overhead: $(VENV)/.dev ## one session against a bare script that makes the same calls
	@$(BIN)/python -m benchmarks.overhead

bench-guard: $(VENV)/.dev ## fail where a session has become dear beside that script
	@$(BIN)/python -m benchmarks.overhead --guard

bench-cold: $(VENV)/.dev ## from the start of a process to its first answer and first delivery
	@$(BIN)/python -m benchmarks.cold_start

bench-speech: $(VENV)/.dev ## measure how long figures and profiles take
	@$(BIN)/python -m benchmarks.speech

memory: $(VENV)/.dev ## what each part of a running stack holds
	@$(BIN)/python -m local.stack memory

screenshots: $(VENV)/.dev ## take the pictures in docs/images anew
	UPDATE_SCREENSHOTS=1 $(BIN)/python -m pytest tests/browser -q

bench-audio: $(VENV)/.dev ## measure what recordings cost, about 15 minutes: docs/performance.md
	@$(BIN)/python -m benchmarks.audio

bench-quotes: $(VENV)/.dev ## measure how long five quotes take to be located in 20,000 words
	@$(BIN)/python -m benchmarks.quotes

# PyTorch stays out of .venv. 2.13.0 is a build for the processor alone where pip finds one; openai-whisper
# itself would ask for a compiler for graphics cards.
$(WHISPER_VENV)/.ready:
	$(PYTHON) -m venv $(WHISPER_VENV)
	$(WHISPER_VENV)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(WHISPER_VENV)/bin/pip install --quiet --disable-pip-version-check more-itertools numba numpy tiktoken tqdm
	$(WHISPER_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps openai-whisper==20250625
	@touch $@

bench-whisper: $(VENV)/.dev $(if $(OPENAI_WHISPER),$(WHISPER_VENV)/.ready) ## the local Whisper server beside plain faster-whisper, 5 minutes; and openai-whisper: OPENAI_WHISPER=1
	@$(BIN)/python -m benchmarks.local_speech $(if $(OPENAI_WHISPER),--openai-whisper $(WHISPER_VENV)/bin/python)

bench-dashboard: $(VENV)/.dev ## measure the dashboard on 100,000 sessions, about 15 minutes
	@$(BIN)/python -m benchmarks.dashboard

bench-growth: $(VENV)/.dev ## measure what grows from 1,000 to 1,000,000 sessions, about 15 minutes
	@$(BIN)/python -m benchmarks.growth

bench-scaling: $(VENV)/.dev ## measure 1 to 64 deliveries at once; a long queue: make bench-scaling DRAIN=10000
	@$(BIN)/python -m benchmarks.scaling $(if $(DRAIN),--drain $(DRAIN))

$(PEERS)/.there: requirements-dev.txt benchmarks/peers/requirements.txt | $(BIN)/uv
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(PEERS)
	$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --require-hashes --compile-bytecode \
		-r requirements-dev.txt -r benchmarks/peers/requirements.txt
	@touch $@

bench-peers: $(PEERS)/.there ## the same five steps on DBOS, Procrastinate and Celery, about 14 minutes
	@$(PEERS)/bin/python -m benchmarks.peers

load: $(VENV)/.dev ## measure under load, about 8 minutes; 25 for the memory: make load SOAK=1
	@$(BIN)/python -m benchmarks.load $(if $(SOAK),soak)

lock: $(BIN)/uv ## resolve requirements*.in anew
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 -c requirements-dev.txt benchmarks/peers/requirements.in -o benchmarks/peers/requirements.txt

clean: ## delete .venv and the local stack's data
	@# Where root's folders are closed to others, Postgres keeps its cluster elsewhere.
	-test -f .data/postgres/cluster.path && rm -rf "$$(cat .data/postgres/cluster.path)"
	rm -rf $(VENV) $(PEERS) .data
