# Targets for people: `make demo`, `make test`. Everything they need is installed by them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_DIR ?= runs/demo
EVAL_DIR ?= runs/eval_demo
EXPERIMENT_DIR ?= docs/experiment
EXPERIMENT_RUNS ?= runs/experiment
SAMPLES := vsdpo_jax/assets/eval_samples

.PHONY: help env test-env browser demo test test-slow lint bench eval-demo experiment warmstart clean

help:  ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

env: $(BIN)/.installed  ## Build .venv with the package.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "vsdpo_jax needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3-venv is missing: run 'apt-get install python3-venv' and try again"; rm -rf $(VENV); exit 1; }

$(BIN)/.installed: setup.py | $(BIN)/python
	$(BIN)/pip install --quiet --editable .
	@touch $@

test-env: $(BIN)/.installed-test browser

$(BIN)/.installed-test: setup.py $(BIN)/.installed
	$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@

browser: env  ## Find or install a Chromium for web pages and the report's tests.
	@$(BIN)/python -m vsdpo_jax.render.browser --install

demo: env  ## Train the embedded tiny model on charts: about ten minutes on two cores.
	$(BIN)/python -m vsdpo_jax.train --config=configs/tiny.py --workdir=$(DEMO_DIR)

test: test-env lint  ## Run the tests: under 15 minutes on two cores.
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" --durations=15 tests

test-slow: test-env  ## Run the slow proofs: soak, scale, kills, compilation for TPUs.
	$(BIN)/pip install --quiet --editable '.[test,plan]'
	JAX_PLATFORMS=cpu $(BIN)/python -m pytest -q -m slow --durations=15 tests

lint: $(BIN)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: test-env  ## Measure ratios against the alternatives, in one run on this machine.
	$(BIN)/python -m vsdpo_jax.bench

eval-demo: browser  ## Score the sample predictions of all three benchmarks: a minute or two.
	for name in chartmimic design2code aeslides; do \
	  $(BIN)/python -m vsdpo_jax.evaluate --benchmark=$$name --data=$(SAMPLES)/$$name \
	    --predictions=$(SAMPLES)/$$name/predictions --out=$(EVAL_DIR)/$$name || exit 1; \
	done
	$(BIN)/python -m vsdpo_jax.evaluate --benchmark=chartmimic --option=task=customized --data=$(SAMPLES)/chartmimic \
	  --predictions=$(SAMPLES)/chartmimic/predictions_customized --out=$(EVAL_DIR)/chartmimic_customized

experiment: browser  ## Make the runs that EXPERIMENT_DIR lacks (all: 11 hours on two cores; restartable) and write its page.
	$(BIN)/python -m vsdpo_jax.experiment --out=$(EXPERIMENT_DIR) --runs=$(EXPERIMENT_RUNS) --at_once=2 \
		--rates=2e-4,4e-4,8e-4 --tune_on=chart --set=eval.every=0 --set=eval.prompts=128

warmstart: browser  ## Make the embedded tiny model again: about five hours on two cores.
	# Charts alone: seeing, copying and following feedback are learned here.
	$(BIN)/python -m vsdpo_jax.data.warmstart --folder=runs/tiny_chart_corpus --tokenizer=runs/tiny_chart_tokenizer
	$(BIN)/python -m vsdpo_jax.model.fresh --tokenizer=runs/tiny_chart_tokenizer --out=runs/tiny_charts_fresh
	$(BIN)/python -m vsdpo_jax.train --config=configs/tiny_warmstart.py:stage=charts --workdir=runs/tiny_charts
	$(BIN)/python -m vsdpo_jax.export --checkpoint=runs/tiny_charts --out=runs/tiny_charts_model
	# All domains in turns, with a vocabulary for all of them.
	$(BIN)/python -m vsdpo_jax.data.warmstart --folder=runs/tiny_web_corpus --domains=web --count=750
	$(BIN)/python -m vsdpo_jax.data.warmstart --folder=runs/tiny_slide_corpus --domains=slide --count=500
	$(BIN)/python -m vsdpo_jax.data.warmstart --folder=runs/tiny_pptx_corpus --domains=pptx --count=500
	$(BIN)/python -m vsdpo_jax.data.warmstart --tokenizer=runs/tiny_tokenizer --vocabulary=1536 \
	  --corpora=runs/tiny_chart_corpus,runs/tiny_web_corpus,runs/tiny_slide_corpus,runs/tiny_pptx_corpus
	$(BIN)/python -m vsdpo_jax.model.vocabulary --model=runs/tiny_charts_model --tokenizer=runs/tiny_tokenizer \
	  --out=runs/tiny_fresh
	$(BIN)/python -m vsdpo_jax.train --config=configs/tiny_warmstart.py --workdir=runs/tiny_warmstart
	$(BIN)/python -m vsdpo_jax.export --checkpoint=runs/tiny_warmstart --out=runs/tiny_all
	# The same with most of the weight on what feedback leads to: a teacher that knows more than the student.
	$(BIN)/python -m vsdpo_jax.train --config=configs/tiny_warmstart.py:stage=revision --workdir=runs/tiny_revision
	$(BIN)/python -m vsdpo_jax.export --checkpoint=runs/tiny_revision --out=runs/tiny
	@echo "Copy runs/tiny to vsdpo_jax/assets/tiny to ship it."

clean:  ## Remove the virtual environment and the caches.
	rm -rf $(VENV) .pytest_cache .ruff_cache *.egg-info
