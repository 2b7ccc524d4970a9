# Everything a newcomer needs is `make demo` and `make test`; both make the virtual environment first.
PYTHON  ?= python3
BIN     := .venv/bin
READY   := .venv/.ready
WORKERS ?= $(shell expr 2 \* $$(nproc))
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))

.PHONY: demo test soak fuzz lint bench docs clean
demo: $(READY)  ## the main jobs on simulated hardware; ends by itself
	$(BIN)/busgate demo $(ARGS)
test: $(READY)  ## host, simulator and every plugin in plugins/
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)
soak: $(READY)  ## each proof with its full count
	$(BIN)/pytest -m soak $(ARGS)
fuzz: $(READY)  ## a million mutated frames for each framer, and the drivers of radios; prints its seeds, and BUSGATE_SEED=N repeats one
	$(BIN)/pytest -m soak -s tests/bus/framing plugins/*/tests/test_*_fuzz.py $(ARGS)
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
bench: $(READY)  ## speed, each figure as a ratio to a baseline of the same run
	$(BIN)/python tests/benchmarks $(ARGS)
docs: $(READY)  ## write docs/hooks.md anew from the hooks
	$(BIN)/python -m gateway.hookspecs > docs/hooks.md

$(READY): pyproject.toml $(PLUGINS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; v = sys.version_info; v < (3, 11) and sys.exit(f"error: Python 3.11 or newer is needed, found {v[0]}.{v[1]}; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . $(PLUGINS:%=--editable %) --group dev
	@touch $@
clean:
	rm -rf .venv
