# Every command of the repository; `make help` lists them. Needs Python 3.11 or newer, make, and a package index.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .uv/bin/uv
# Python comes from this machine, never from a download.
export UV_PYTHON_DOWNLOADS := never
# Compiled once, not at each start of each process, of which the tests have a hundred; whatever this machine prefers.
export UV_COMPILE_BYTECODE := 1
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-on coverage test-servers test-chart test-cluster test-course story story-picture faults course ask mystery reveal cluster-provider lint format types contracts check fuzz bench bench-bombs bench-peers bench-peers-docs gate capacity soak bench-parser dashboards dashboards-preview dashboards-pictures dashboards-check screenshots docs docs-serve site alert-test image release clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "scrap needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv .uv || { rm -rf .uv; echo "python3 -m venv failed: on Debian, apt install python3-venv" >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || { rm -rf .uv; exit 1; }

.venv/.locked: $(UV) uv.lock pyproject.toml
	@$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

setup: .venv/.locked ## set up all that the other commands need

run: setup ## serve on http://127.0.0.1:8080 (SCRAP_HOST, SCRAP_PORT)
	@exec .venv/bin/scrap serve

demo: setup ## the service, a local origin, a few requests and their responses; needs no network
	@.venv/bin/python -m tests.demo

test: setup ## run the tests
	@.venv/bin/pytest

coverage: setup ## run the tests and measure what they reach
	@.venv/bin/pytest --cov --cov-report=term

test-on: ON ?= /usr/bin/python3
# Without what is alike on each: the documents' site, the pages in a browser, clients in other languages, the gate.
test-on: ALIKE := test_site test_first_minutes test_documented_clients test_bench_gate web/test_browser web/test_docs
test-on: setup ## run the tests of the code on another Python, in an environment of its own (ON=/usr/bin/python3)
	@$(ON) --version
	@UV_PROJECT_ENVIRONMENT=.cache/venv-on $(UV) run --frozen --quiet --python $(ON) pytest $(ALIKE:%=--ignore=tests/integration/%.py)

lint: setup ## style and layout of the code; the workflows, by zizmor and (with Go) actionlint
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/zizmor --offline --no-progress --quiet --persona=pedantic .github
	@.github/scripts/actionlint

format: setup ## lay the code out
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

types: setup ## mypy, strict
	@.venv/bin/mypy

contracts: setup ## who may import whom
	@.venv/bin/lint-imports

test-servers: setup ## run the tests against a real Prometheus and a real Alertmanager; skipped where there is none
	@.venv/bin/pytest --dist=worksteal tests/integration -m servers

test-chart: setup ## run the tests of the chart, its alerts and its dashboards; needs helm, helm-docs, kube-score, promtool
	@.venv/bin/pytest --dist=worksteal tests/chart tests/alerts tests/dashboards

test-cluster: setup ## run the tests on a real cluster: kind, minikube, current or shared (PROVIDER; docs/install.md)
	@.venv/bin/python -m tests.cluster.run tests $(ARGS)
	@$(MAKE) --no-print-directory story-picture

story: setup ## load rises, replicas follow, people are notified, no request is lost: the whole story on a real cluster, and its picture (ARGS=--short: ten minutes)
	@.venv/bin/python -m tests.cluster.run story $(ARGS)
	@$(MAKE) --no-print-directory story-picture

story-picture: setup ## draw the last story, .cache/story/story.json, to story.svg beside it
	@$(UV) run --frozen --group pictures python -m scripts.story_picture .cache/story/story.json .cache/story/story.svg

faults: setup ## break one thing at a time on a real cluster: does monitoring find it? writes docs/faults.md, forty minutes (ARGS='-k DNS': one row)
	@.venv/bin/python -m tests.cluster.run faults $(ARGS)

test-course: setup ## play the whole course on a real cluster, with all eighteen mysteries; forty minutes
	@.venv/bin/python -m tests.cluster.run course $(ARGS)

course: setup ## the course's settings, web and load for the release on the current cluster (ARGS='--rate 60'; docs/course)
	@.venv/bin/python -m tests.cluster.course.stage $(ARGS)

ask: setup ## what Prometheus has for a query (QUERY='up'; ARGS='--until 180' waits for a result)
	@.venv/bin/python -m tests.cluster.course.query $(ARGS)

mystery: setup ## break one of eighteen things on the current cluster without saying which (ARGS=--hints: a hint each minute)
	@.venv/bin/python -m tests.cluster.course.mystery mystery $(ARGS)

reveal: setup ## say what the mystery was, and repair it
	@.venv/bin/python -m tests.cluster.course.mystery reveal $(ARGS)

cluster-provider: setup ## print the provider of clusters that the tests would use
	@.venv/bin/python -m tests.cluster.run which

check: lint types contracts test test-servers ## all that a commit has to pass

fuzz: setup ## 200,000 damaged pages and all real ones against html5lib, 1,800 lives of the operator; most of an hour
	@SCRAP_FUZZ=60 .venv/bin/pytest tests/property/test_opengraph.py tests/property/test_charsets.py tests/property/test_decision.py \
	    tests/unit/opengraph/test_corpus_pages.py -k "soup or damaged or whole or World"

bench: APART := %bench_soak.py %bench_bombs.py %bench_gate.py %bench_gate_origin.py %bench_peers.py
bench: setup ## every benchmark but those with a command of their own; wants a quiet machine and wrk
	@for file in $(filter-out $(APART),$(wildcard tests/benchmarks/bench_*.py)); do \
	    echo "== $$file"; .venv/bin/python -m tests.benchmarks.$$(basename $$file .py) || exit 1; done

bench-bombs: setup ## 75 hostile pages, 256 of each at once: memory, response bytes, event loop, a bystander; fifteen minutes
	@.venv/bin/python -m tests.benchmarks.bench_bombs

gate: setup ## CPU a page beside the commit before (GATE_BASE=HEAD^); fails above 1.10; three minutes at most
	@.venv/bin/python -m tests.benchmarks.bench_gate $(ARGS)

bench-peers: setup ## beside unfurl.js, metascraper and others, by the benchmark kit (KIT=../shared/kit); forty minutes (ARGS=--quick: ten)
	@KIT=$(or $(KIT),../shared/kit) .venv/bin/python -m tests.benchmarks.bench_peers $(ARGS)

bench-peers-docs: setup ## write what bench-peers measured last, and its picture, to docs/benchmarks.md
	@.venv/bin/python -m tests.benchmarks.bench_peers --write
	@$(UV) run --frozen --group pictures python -m scripts.peers_picture .cache/peers/peers.json docs/images/peers.svg

capacity: setup ## make the tables of docs/capacity.md
	@.venv/bin/python -m tests.benchmarks.capacity

soak: setup ## ten minutes of mixed abuse
	@.venv/bin/python -m tests.benchmarks.bench_soak 10

bench-parser: setup ## the fast path beside lexbor and html5lib, and its growth on hostile pages
	@.venv/bin/python -m tests.benchmarks.bench_parser

dashboards: setup ## make the dashboards' JSON
	@.venv/bin/python -m scripts.dashboards

dashboards-preview: setup ## draw the dashboards from a Prometheus (PROMETHEUS, NAMESPACE, JOB)
	@$(UV) run --frozen --group pictures python -m scripts.dashboards.preview \
	    --prometheus $(or $(PROMETHEUS),http://127.0.0.1:9090) --namespace $(or $(NAMESPACE),scrap) --job $(or $(JOB),scrap) $(ARGS) $(or $(FOLDER),docs/images)

dashboards-pictures: setup ## draw the dashboards from made-up series, into docs/images; needs helm, promtool, prometheus
	@scripts/dashboards/pictures $(FOLDER)

screenshots: setup ## take the pictures of the service's pages, into docs/images; needs chromium
	@$(UV) run --frozen --group pictures python -m scripts.screenshots $(FOLDER)

dashboards-check: setup ## whether every panel has data in a Grafana (GRAFANA=http://127.0.0.1:3000, GRAFANA_PASSWORD, NAMESPACE, JOB)
	@.venv/bin/python -m scripts.dashboards.grafana --url $(or $(GRAFANA),http://127.0.0.1:3000) \
	    --namespace $(or $(NAMESPACE),scrap) --job $(or $(JOB),scrap) $(ARGS)

docs: setup ## make the pages that are made from code (needs helm-docs)
	@.venv/bin/python -m scripts.settings_table > docs/settings.md
	@.venv/bin/python -m scripts.chart_config
	@.venv/bin/python -m scripts.problem_types
	@.venv/bin/python -m tests.help_texts
	helm-docs --chart-search-root charts/scrap --sort-values-order file --skip-version-footer

site docs-serve release: export NO_MKDOCS_2_WARNING := 1 # mkdocs.yml says what it would say
docs-serve: setup ## the site of the documents on http://127.0.0.1:8000, built again at each change
	@exec .venv/bin/mkdocs serve --livereload --dev-addr $(or $(SITE),127.0.0.1:8000) # click 8.3 and newer forget --livereload

site: setup ## build the site of the documents, strictly, into .cache/site
	@.venv/bin/mkdocs build --quiet

alert-test: setup ## a harmless alert of each severity through Alertmanager to Slack (NAMESPACE=scrap)
	@.venv/bin/python -m scripts.alert_test --namespace $(or $(NAMESPACE),scrap) $(ARGS)

image: VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
image: REVISION = $(shell git rev-parse HEAD)
image: ## build the container image localhost/scrap:dev
	docker build --tag localhost/scrap:dev --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) .
	@docker image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}' localhost/scrap:dev

release: STEP ?= dry-run
release: setup ## a step of a release; without STEP all but what pushes and signs (TAG=v1.2.3 REPOSITORY=owner/name, docs/releasing.md)
	@PATH=$(CURDIR)/.venv/bin:$$PATH .venv/bin/python -m scripts.release $(STEP) $(addprefix --tag ,$(TAG)) $(addprefix --repository ,$(REPOSITORY))

clean: ## remove what the commands made
	rm -rf .uv .venv .cache .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
