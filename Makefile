# Each target is described beside its name; `make help` shows them.
JOB ?= flights
ARGS ?=

# Another Spark or Python that this shell is set up for would be used in place of the lane's.
unexport SPARK_HOME PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON

bin := .venv/bin
# In an environment: its commands come first, also for the processes that a test starts, and Spark finds Java.
within = env PATH="$(CURDIR)/$(1)/bin:$$PATH" JAVA_HOME="$$(cat $(1)/java_home)"
pytest := pytest -n 2 --dist loadfile --no-loadscope-reorder
# Where it cannot be had, the tests that need it fail and the others run.
postgres := scripts/setup.sh --postgres >/dev/null || true
# What installs, and what builds PySpark (setuptools) and this repository.
tools := uv setuptools hatchling editables
# The same versions for every platform and Python, whatever this machine is.
compile = $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)
# A client of EMR, and what is installed for it; boto3 is the oldest that pyproject.toml allows.
client = printf '%s\n' $(2) | $(compile) --no-annotate - -o requirements/clients-$(1).txt

# Classes that the processes which are killed load at once; made once, it halves the time that each takes to start.
crash = python -m tests.crash.archive && pytest -n 2 --dist worksteal

.PHONY: help setup run run-emr check test test-properties test-emr test-clients test-emr7 test-crash test-crash-full test-crash-emr7 test-concurrency bench build clean lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make the environment, and find or install Java (run, check, test and others do it first)
	@scripts/setup.sh

run: setup ## run a job: JOB=flights
	@$(call within,.venv) lakegate run $(JOB)

run-emr: setup ## the life of a cluster on this machine, with the job as its step: LANE=-emr7 for the other lane
	@scripts/setup.sh $(patsubst -%,%,$(LANE))
	@$(call within,.venv$(LANE)) scripts/run-emr.sh $(if $(LANE),emr.release=emr-7.14.0)

check: setup ## check format, lint, types and layers
	$(bin)/ruff format --check . && $(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports

test: setup ## test on Spark 4.1 and Delta 4.2: ARGS="-k merge" for some
	@$(postgres)
	@$(call within,.venv) $(pytest) $(ARGS)

test-properties: setup ## the properties of tables that remember, P1 to P16, each against a model of its own
	@$(call within,.venv) $(pytest) -m properties tests/properties tests/tables $(ARGS)

test-emr7: ## test on Spark 3.5 and Delta 3.3, as EMR 7 has them
	@scripts/setup.sh emr7
	@$(postgres)
	@$(call within,.venv-emr7) $(pytest) $(ARGS)

test-crash: setup ## kill jobs and run them again: at every point, at any time, by two at once
	@$(call within,.venv) sh -c '$(crash) tests/crash $(ARGS)'

test-crash-full: setup ## the same at every point of every job and batch; the table is in build/crash-table.txt
	@rm -f build/crash-table.txt
	@$(call within,.venv) CRASH=full sh -c '$(crash) tests/crash $(ARGS)'
	@cat build/crash-table.txt

test-crash-emr7: ## a sample of it on Spark 3.5 and Delta 3.3
	@scripts/setup.sh emr7
	@$(call within,.venv-emr7) CRASH=sample sh -c '$(crash) tests/crash/test_points.py tests/crash/test_times.py -k "files or rollback or beliefs" $(ARGS)'

test-concurrency: setup ## test several processes on one table, on disk and S3: LANE=-emr7 for the other lane
	@scripts/setup.sh $(patsubst -%,%,$(LANE))
	@$(call within,.venv$(LANE)) pytest -m heavy --ignore=tests/local_emr $(ARGS)

test-emr: setup ## test the EMR on this machine, with real daemons and steps: LANE=-emr7 for the other lane
	@scripts/setup.sh $(patsubst -%,%,$(LANE))
	@$(call within,.venv$(LANE)) pytest -m heavy tests/local_emr $(ARGS)

test-clients: setup ## test that EMR with clients that nobody here wrote: ARGS="-k 'aws_cli or boto3'" for some
	@$(call within,.venv) pytest -m clients tests/clients $(ARGS)

bench: setup ## measure what the framework adds to Spark's own time
	@$(call within,.venv) python benchmarks/overhead.py && python benchmarks/incremental.py && python benchmarks/listing.py && python benchmarks/history.py

build: setup ## build both wheels into dist/, without network
	rm -rf dist
	$(bin)/hatchling build -t wheel -d dist
	cd jobs && ../$(bin)/hatchling build -t wheel -d ../dist

lock: setup ## lock the versions that pyproject.toml allows: ARGS=--upgrade for the newest
	$(compile) pyproject.toml -o requirements/main.txt --extra spark --group dev
	$(compile) pyproject.toml -o requirements/emr7.txt --extra spark35 --group dev
	$(compile) pyproject.toml -o requirements/runtime.txt && \
		printf '%s\n' $(tools) | $(compile) - -o requirements/tools.txt --constraints requirements/main.txt
	$(call client,aws-cli,awscli)
	$(call client,boto3,boto3==1.34.0 botocore==1.34.0)
	$(call client,emr-cli,emr-cli)
	$(call client,airflow,apache-airflow apache-airflow-providers-amazon)

clean: ## remove what make made, the local lake too; the environments stay
	rm -rf lake dist build spark-warehouse metastore_db derby.log .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -path './.venv*' -prune -o -name __pycache__ -prune -exec rm -rf {} +
