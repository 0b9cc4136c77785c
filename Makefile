# The commands people type. Everything happens inside this folder; `make` alone lists the targets.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo  ## install, run the quick audit, train on the built-in digits, print a summary
	"$(BIN)/refsbnn" audit --quick --json audit/quick.json
	"$(BIN)/refsbnn" train digits_binary --overwrite
	"$(BIN)/refsbnn" train digits_spiking --overwrite
	@"$(BIN)/python" -c "$$SUMMARY"

test: $(VENV)/.test  ## install and run the whole test suite
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive "$(BIN)/python" -m pytest -n auto --dist loadgroup

lint: $(VENV)/.test  ## ruff (lint and format) and mypy
	"$(BIN)/ruff" check --config .ci/ruff.toml .
	"$(BIN)/ruff" format --check --config .ci/ruff.toml .
	"$(BIN)/mypy"

docs: $(VENV)/.docs site  ## build the site into docs/_build/html, warnings as errors, links inside it checked

# With whatever is installed. Addresses outside are not asked: there may be no network.
site:
	OPENBLAS_NUM_THREADS=1 "$(BIN)/python" -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "The site, to open in a browser: $(CURDIR)/docs/_build/html/index.html"

clean:  ## remove the virtual environment, caches and build files; keep runs/ and audit/
	rm -rf "$(VENV)" build dist *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache
	rm -rf docs/_build docs/_generated docs/_gallery docs/_tutorials docs/_api
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp for each set of extras: an install happens once, and again when the metadata changes.
$(VENV)/.demo: EXTRAS = plots
$(VENV)/.docs: EXTRAS = docs
$(VENV)/.test: EXTRAS = plots,test
$(VENV)/.demo $(VENV)/.test $(VENV)/.docs: $(VENV)/.created setup.cfg pyproject.toml
	@echo "Installing refsbnn[$(EXTRAS)] into $(VENV), about a minute the first time"
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	@touch "$@"

$(VENV)/.created:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "refsbnn needs Python 3.11 or newer; $(PYTHON) is: $$("$(PYTHON)" --version 2>&1)." \
	       "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@"$(PYTHON)" -m venv --clear "$(VENV)"
	@touch "$@"

define SUMMARY
import json
from pathlib import Path
audit = json.loads(Path("audit/quick.json").read_text())
print("\nAudit, quick, claims: " + ", ".join(f"{number} {word}" for word, number in audit["verdicts"].items()))
print("of checks: " + ", ".join(f"{number} {word}" for word, number in audit["count"].items()))
print("UCI digits, scored once on the test images:")
for name in ("digits_binary", "digits_spiking"):
    run = json.loads(Path("runs", name, "result.json").read_text())
    print(f"  {name:<15} accuracy {run['test']['accuracy']:.1%}, trained in {run['seconds']:.0f} s, see runs/{name}")
print(f"The audit's report, to open in a browser: {Path('audit/quick.html').absolute()}")
endef
export SUMMARY

.PHONY: help demo test lint docs site clean
.DELETE_ON_ERROR:
