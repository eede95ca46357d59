# make run        everything once on synthetic ECG images, from nothing to predictions and reports
# make test       every test but the slow ones, at most 10 minutes on two cores
# make test-slow  the slow ones
# make test-edge  the device's tests alone, without TensorFlow, at most 60 s
# make lint       style and types
# make demo       the web page on http://127.0.0.1:7860
# make bench      what engines, a folder and a cold start cost, with the models of make run or your own
#
# Each makes .venv first where it is missing, broken or out of date.
# PYTHON=python3.12 chooses its Python. WEIGHTS=PATH gives make run VGG16's ImageNet weights.

PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/installed
UV := uv==0.13.9
WEIGHTS ?= imagenet
MODELS ?= cnn vgg16
MODEL ?= runs/cnn.onnx
DATA := runs/synthetic
MANIFEST := $(DATA)/manifest.csv
H5 ?= runs/cnn/ecg_cnn_model.h5
INT8 ?=
DEVICE ?= $(MODEL) $(INT8)
IMAGES ?= $(DATA)/test
PYTEST := $(PY) -m pytest -n 2 --dist worksteal

VERSIONS := sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
USABLE := $(PY) -c 'import sys, pip; $(VERSIONS)' 2>/dev/null
# "again" where a .venv cannot be used: its Python is gone, is not 3.11 to 3.13, or has no pip.
AGAIN := $(shell [ ! -e .venv ] || $(USABLE) || echo again)

.PHONY: again run results test test-slow test-edge lint demo bench
.DELETE_ON_ERROR:

$(READY): requirements.txt $(AGAIN)
	@if ! $(USABLE); then \
	    if ! $(PYTHON) -c 'import sys, venv; $(VERSIONS)' 2>/dev/null; then \
	        echo "$(PYTHON) is missing or is not Python 3.11 to 3.13: choose one, for example make run PYTHON=python3.12" >&2; \
	        exit 1; \
	    fi; \
	    if [ -e .venv ]; then \
	        echo ".venv has no working Python 3.11 to 3.13: making it again" >&2; \
	        rm -rf .venv; \
	    fi; \
	    $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }; \
	fi
	@echo "installing requirements.txt into .venv" >&2
	@{ $(PY) -m pip install --quiet --disable-pip-version-check $(UV) && \
	   .venv/bin/uv pip install --quiet --python $(PY) -r requirements.txt; } >/dev/null 2>&1 || { \
	    echo "uv could not install: going on with pip, which takes longer" >&2; \
	    $(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt; }
	@touch $@

run: $(READY) $(MANIFEST)
	@if [ "$(WEIGHTS)" = imagenet ] && ! $(PY) -m training weights; then \
	    echo "no ImageNet weights for VGG16: going on with the CNN alone" >&2; \
	    $(MAKE) --no-print-directory results MODELS=cnn; \
	else \
	    $(MAKE) --no-print-directory results; \
	fi

results: $(MODELS:%=runs/%.onnx)
	$(PY) -m training audit --data $(DATA) --out runs/audit
	$(PY) -m training evaluate $(foreach model,$(MODELS),runs/$(model)/ecg_$(model)_model.h5 runs/$(model).onnx) --data $(DATA) --out runs/evaluation
	$(PY) -m edge predict $(DATA)/test/*/*_0000.jpg --model runs/$(lastword $(MODELS)).onnx
	@echo "reports: runs/audit/report.html runs/evaluation/report.html"

$(MANIFEST): $(READY)
	$(PY) -m training synthetic --out $(DATA)

runs/%.onnx: $(MANIFEST)
	$(PY) -m training train --model $* --data $(DATA) --out runs/$* --weights "$(WEIGHTS)"
	$(PY) -m export convert runs/$*/ecg_$*_model.h5 --out $@ --images $(DATA)/test
	$(PY) -m export verify runs/$*/ecg_$*_model.h5 $@ --images $(DATA)/test

demo: $(READY) $(MODEL)
	$(PY) demo.py --model $(MODEL)

bench: $(READY) $(MODEL)
	$(PY) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(PY) -m benchmarks.engines --h5 $(H5) --onnx $(MODEL) $(INT8:%=--int8 %) --images $(IMAGES)
	$(PY) -m benchmarks.device $(DEVICE) --h5 $(H5)

test: $(READY)
	$(PYTEST) -m "not slow and not soak"

test-slow: $(READY)
	$(PYTEST) -m slow

test-edge: $(READY)
	$(PYTEST) -m "not slow and not soak" tests/edge

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
