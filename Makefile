# What a developer and CI call. Uses uv where it is installed, pip otherwise.
.PHONY: demo test test-postgresql check lint types imports setup clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
export UV_FIND_LINKS ?= $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null)

setup: $(VENV)/.dev

demo: $(VENV)/.server
	$(BIN)/bugflow demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-postgresql: $(VENV)/.dev  # Only what asks for a database: all else has been tested already.
	BUGFLOW_TEST_DATABASE_URL=$${BUGFLOW_TEST_DATABASE_URL:-postgresql://postgres@127.0.0.1:5432/postgres} \
		$(BIN)/python -m pytest -n 2 -m database $(ARGS)

check: lint types imports test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --quiet --check --lint src/bugflow/web/templates

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

$(VENV)/bin/python:
ifdef UV
	uv venv --quiet --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

$(VENV)/.server: pyproject.toml constraints.txt | $(VENV)/bin/python
ifdef UV
	uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e .
else
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
endif
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
ifdef UV
	uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev,s3,train,offline]'
else
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,s3,train,offline]'
endif
	touch $@ $(VENV)/.server

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
