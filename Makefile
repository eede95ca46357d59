# make run    everything once on drawn pages, from nothing to a table of predictions
# make test   every test;  make lint  style and types;  make demo  the page in the browser
# make bench  what engines, a folder and a cold start cost, with the models of make run or your own

PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/installed
WEIGHTS ?= imagenet
MODELS ?= cnn vgg16
MODEL ?= runs/cnn.onnx
PAGES := runs/pages/manifest.csv
H5 ?= runs/cnn/ecg_cnn_model.h5
INT8 ?=
DEVICE ?= $(MODEL) $(INT8)
IMAGES ?= runs/pages/test

.PHONY: run results test lint demo bench
.DELETE_ON_ERROR:

$(READY): requirements.txt edge/requirements.txt
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

run: $(READY) $(PAGES)
	@if [ "$(WEIGHTS)" = imagenet ] && ! $(PY) -m training weights; then \
	    echo "VGG16 without its ImageNet weights is no transfer: going on with the CNN alone" >&2; \
	    $(MAKE) --no-print-directory results MODELS=cnn; \
	else \
	    $(MAKE) --no-print-directory results; \
	fi

results: $(MODELS:%=runs/%.onnx)
	$(PY) -m training audit --data runs/pages --out runs/audit
	$(PY) -m training evaluate $(foreach model,$(MODELS),runs/$(model)/ecg_$(model)_model.h5 runs/$(model).onnx) --data runs/pages --out runs/evaluation
	$(PY) -m edge predict runs/pages/test/*/*_0000.jpg --model runs/$(lastword $(MODELS)).onnx
	@echo "reports: runs/audit/report.html runs/evaluation/report.html"

$(PAGES): $(READY)
	$(PY) -m training pages --out runs/pages

runs/%.onnx: $(PAGES)
	$(PY) -m training train --model $* --data runs/pages --out runs/$* --weights "$(WEIGHTS)"
	$(PY) -m export convert runs/$*/ecg_$*_model.h5 --out $@ --images runs/pages/test
	$(PY) -m export verify runs/$*/ecg_$*_model.h5 $@ --images runs/pages/test

demo: $(READY) $(MODEL)
	$(PY) demo.py --model $(MODEL)

bench: $(READY) $(MODEL)
	$(PY) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(PY) -m benchmarks.engines --h5 $(H5) --onnx $(MODEL) $(INT8:%=--int8 %) --images $(IMAGES)
	$(PY) -m benchmarks.device $(DEVICE) --h5 $(H5)

test: $(READY)
	$(PY) -m pytest -n 2 --dist worksteal

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
