# make demo     serve the demo record on http://127.0.0.1:8080/fhir, governed, with a token for each role
# make test     run every test on a real MongoDB
# make clients  run public FHIR clients (PyPI, npm) against a server
# make check    style, types, import contracts
# make docs     write docs/cli.md, docs/settings.md and docs/errors.md anew
# make lock     renew the locked versions

.DEFAULT_GOAL := demo
.PHONY: demo test clients check style format types imports docs lock clean

PYTHON := .venv/bin/python
PORT := 8080

demo: .venv/demo.stamp
	@FHIR_POLICY=fr $(PYTHON) -m fhir_server serve --demo --quiet --port $(PORT) --data-dir data/demo

test: .venv/dev.stamp
	@.ci/groups

clients: .venv/dev.stamp
	@.ci/install-clients
	@.ci/groups clients

check: style format types imports

style: .venv/dev.stamp
	.venv/bin/ruff check .

format: .venv/dev.stamp
	.venv/bin/ruff format --check .

types: .venv/dev.stamp
	.venv/bin/mypy

imports: .venv/dev.stamp
	.venv/bin/lint-imports

docs: .venv/dev.stamp
	$(PYTHON) -m tests.reference_pages

lock: .venv/dev.stamp
	$(PYTHON) -m pip install --quiet uv
	.venv/bin/uv pip compile pyproject.toml --extra embedded --group dev $(LOCK) -o requirements-dev.lock
	.venv/bin/uv pip compile pyproject.toml --extra embedded $(LOCK) -c requirements-dev.lock -o requirements.lock
	.venv/bin/uv pip compile --group clients $(LOCK) -o requirements-clients.lock

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

clean:
	rm -rf .venv .venv-clients tests/clients/node/node_modules data/demo

# Installs run again only when what they install from has changed.
.venv/demo.stamp: requirements.lock pyproject.toml
	@.ci/install requirements.lock
	@touch $@

.venv/dev.stamp: requirements-dev.lock pyproject.toml
	@.ci/install requirements-dev.lock
	@touch $@ .venv/demo.stamp
