# make demo: install, train LeNet-5 on real digits, write a report.   make test: all that tests need, and the tests.
# make docs: the documentation. All work again and again, and without a network once they have run.
# PYTHON=python3.12 chooses another Python.

PYTHON ?= python3
PIP = PIP_CONSTRAINT=constraints.txt .venv/bin/python -m pip install --disable-pip-version-check

.PHONY: demo test check docs accept bench clean

demo: .venv/installed
	.venv/bin/heirloom train lenet5 --data digits

test: .venv/installed-dev
	.venv/bin/python -m pytest

check: .venv/installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

# The documentation, for reading in a browser; it needs no server.
docs: .venv/installed-docs
	.venv/bin/python -m docs.generator build/docs
	.venv/bin/zensical build --strict --clean --config-file build/docs/zensical.toml
	.venv/bin/python -m docs.generator.sealing build/docs/site
	@echo 'build/docs/site/index.html'

# Hours; started again, it goes on. JOBS=2 trains two at a time.
JOBS = 1
accept: .venv/installed
	.venv/bin/python accept/imported.py
	.venv/bin/python accept/run.py --jobs $(JOBS)

# Half an hour on a quiet machine. MNIST must lie below HEIRLOOM_DATA. WORKLOADS=step runs a part of it.
bench: .venv/installed-bench
	.venv/bin/python -m benchmarks.run $(WORKLOADS)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'heirloom needs Python 3.11 or later: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch .venv/installed $@

.venv/installed-docs: .venv/installed
	$(PIP) -e '.[docs]'
	@touch $@

.venv/installed-bench: .venv/installed
	$(PIP) -e '.[bench]'
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
