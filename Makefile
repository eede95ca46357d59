# make run        the shipped model's answers at once, then everything else once on synthetic ECG images
# make test       every test but the slow ones, some 25 minutes on two cores
# make test-slow  the slow ones
# make test-edge  the device's tests alone, without TensorFlow, at most 60 s
# make lint       style and types
# make demo       the web page on http://127.0.0.1:7860
# make web        the page that runs the shipped model in the browser, on http://127.0.0.1:8000 (needs Node.js)
# make archive    the synthetic images as an archive, by Ray Data: runs/archive
# make screenshots  every view of that page, in chromium: runs/screenshots, and the picture of the README
# make bench      what engines, a folder and a cold start cost, with the models of make run or your own
# make examples   the images of examples/ again
# make audit-dependencies  known holes of the pinned packages, where pip-audit's database can be reached
# make model      the shipped model again: DATA=DIR AUXILIARY=DIR PTBXL=DIR, hours; docs/training.md says how
#
# Each makes .venv first where it is missing, broken or out of date.
# PYTHON=python3.12 chooses its Python.

PYTHON ?= python3
PY := .venv/bin/python
ENVIRONMENT := .venv/made
READY := .venv/installed
DEVICE_READY := .venv/device
UV := uv==0.13.9
MODELS ?= cnn vgg16 efficientnet_lite0
MODEL ?= runs/cnn.onnx
SYNTHETIC := runs/synthetic
MANIFEST := $(SYNTHETIC)/manifest.csv
H5 ?= runs/cnn/ecg_cnn_model.h5
INT8 ?=
DEVICE ?= $(MODEL) $(INT8)
IMAGES ?= $(SYNTHETIC)/test
WEB := runs/web/contract.json
PORT ?= 8000
SHIPPED_H5 := export/models/ecg.h5
PYTEST := $(PY) -m pytest -n 2 --dist worksteal

VERSIONS := sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
USABLE := $(PY) -c 'import sys, pip; $(VERSIONS)' 2>/dev/null
# "again" where a .venv cannot be used: its Python is gone, is not 3.11 to 3.13, or has no pip.
AGAIN := $(shell [ ! -e .venv ] || $(USABLE) || echo again)

.PHONY: again run first results test test-slow test-edge audit-dependencies lint demo web archive screenshots bench examples model
.DELETE_ON_ERROR:

$(ENVIRONMENT): $(AGAIN)
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
	@touch $@

$(DEVICE_READY): edge/requirements.txt $(ENVIRONMENT)
	$(call install,edge/requirements.txt)
	@touch $@

$(READY): requirements.txt $(ENVIRONMENT)
	$(call install,requirements.txt)
	@touch $@

# Compiled once here: TensorFlow takes twice as long to import where that is left to every process.
define install
@echo "installing $(1) into .venv" >&2
@{ $(PY) -m pip install --quiet --disable-pip-version-check $(UV) && \
   .venv/bin/uv pip install --quiet --compile-bytecode --python $(PY) -r $(1); } >/dev/null 2>&1 || { \
    echo "uv could not install: going on with pip, which takes longer" >&2; \
    $(PY) -m pip install --quiet --disable-pip-version-check -r $(1); }
endef

run: first
	@$(MAKE) --no-print-directory results

first: $(DEVICE_READY)
	@mkdir -p runs
	@echo "the shipped model, on the images of examples/:" >&2
	$(PY) -m edge predict examples --sheet runs/examples.png

# What make run trains is small: it shows the pipeline, in minutes.
RUN_cnn :=
RUN_vgg16 := --image-size 128x176
RUN_efficientnet_lite0 := --image-size 128x176

results: $(MODELS:%=runs/%.onnx)
	$(PY) -m training audit --data $(SYNTHETIC) --out runs/audit
	$(PY) -m training evaluate $(MODELS:%=runs/%.onnx) edge/models/ecg.onnx --data $(SYNTHETIC) --out runs/evaluation
	@echo "made: runs/examples.png, the models $(MODELS:%=runs/%.onnx)"
	@echo "reports: runs/audit/report.html runs/evaluation/report.html"
	@echo "next, with your own images: . .venv/bin/activate; python -m edge predict image.jpg"

$(MANIFEST): $(READY)
	$(PY) -m training synthetic --per-class 15 --out $(SYNTHETIC)

runs/%.onnx: $(MANIFEST)
	$(PY) -m training train --model $* --data $(SYNTHETIC) --out runs/$* $(RUN_$*)
	$(PY) -m export convert runs/$*/ecg_$*_model.h5 --out $@ --images $(SYNTHETIC)/test
	$(PY) -m export verify runs/$*/ecg_$*_model.h5 $@ --images $(SYNTHETIC)/test

demo: $(READY)
	$(PY) demo.py

archive: $(MANIFEST)
	$(PY) -m archive score $(SYNTHETIC) --out runs/archive

web: $(WEB)
	@echo "the page: http://127.0.0.1:$(PORT), until you press Ctrl-C"
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory $(dir $(WEB))

$(WEB): edge/models/ecg.onnx $(wildcard export/web/*.py export/web/page/* demo_views/texts/*) | $(DEVICE_READY)
	rm -rf $(dir $@)
	$(PY) -m export web $< --out $(dir $@)

screenshots: $(READY)
	$(PY) -m tests.demo.screenshots

# The images of examples/: one of each acquisition, drawn from a seed.
EXAMPLES := normal-clean abnormal_heartbeat-photo myocardial_infarction-scan history_of_mi-bw normal-stained abnormal_heartbeat-screen
EXAMPLES_SEED := 4

examples: $(READY)
	@mkdir -p runs/examples examples
	@for example in $(EXAMPLES); do \
	    class=$${example%%-*}; kind=$${example##*-}; rm -rf runs/examples/$$kind; \
	    $(PY) -m training synthetic --quiet --per-class 1 --strength 1 --seed $(EXAMPLES_SEED) --acquisition $$kind \
	        --out runs/examples/$$kind && \
	    cp runs/examples/$$kind/train/$$class/$${class}_0000.jpg examples/$$class-$$kind.jpg || exit 1; \
	done

# The shipped model, from public data: the real images of DATA (version 2), the weakly labelled ones of AUXILIARY
# (version 1), and synthetic images that are printed from the recordings of PTBXL. docs/training.md explains each step.
# The card has rows for real PHOTOS and for pages of an OTHER_HOSPITAL where such folders are given.
DATA ?=
AUXILIARY ?=
PTBXL ?=
WORK ?= runs/model
LITE0 := $(PY) -m training train --model efficientnet_lite0 --image-size 384x512 --fine-tune blocks5-14 --cache $(WORK)/cache
PRINT := $(PY) -m training synthetic --signals $(PTBXL) --label-sets
ANY := --look any --layout any --acquisition any
STAGE_1 := --data $(WORK)/hearts --auxiliary $(WORK)/report 1 --auxiliary $(WORK)/any2 1 --auxiliary $(WORK)/any1 1 \
    --auxiliary $(WORK)/photo 1 --auxiliary $(AUXILIARY) 0.3 --apart-from $(DATA) --epochs 6
STAGE_2 := --data $(DATA) --auxiliary $(AUXILIARY) 0.1 --auxiliary $(WORK)/any1 0.05 --auxiliary $(WORK)/any2 0.05 \
    --weights $(WORK)/stage1/ecg_efficientnet_lite0_model.h5 --masked --augmentations 4 --acquisitions 2 \
    --epochs 12 --learning-rate 4e-4 --folds 5

define exported
$(PY) -m export convert $(1) --out $(2).onnx --images $(WORK)/any2/test
$(PY) -m export convert $(1) --out $(2)_int8.onnx --images $(WORK)/any2/test --int8 --calibration $(DATA)/train
endef

model: $(READY)
	@for folder in "$(DATA)" "$(AUXILIARY)" "$(PTBXL)"; do \
	    [ -d "$$folder" ] || { echo "give folders: make model DATA=DIR AUXILIARY=DIR PTBXL=DIR" >&2; exit 2; }; \
	done
	@mkdir -p $(WORK)
	[ -d $(WORK)/report ] || $(PRINT) --look report --acquisition clean --out $(WORK)/report
	[ -d $(WORK)/any2 ] || $(PRINT) $(ANY) --strength 2 --out $(WORK)/any2
	[ -d $(WORK)/any1 ] || $(PRINT) $(ANY) --strength 1 --out $(WORK)/any1
	[ -d $(WORK)/photo ] || $(PRINT) --look report --acquisition photo --strength 2 --out $(WORK)/photo
	[ -d $(WORK)/hearts ] || $(PY) -m training synthetic --per-class 300 $(ANY) --strength 1 --seed 1 --out $(WORK)/hearts
	$(LITE0) $(STAGE_1) --out $(WORK)/stage1
	$(LITE0) $(STAGE_2) --out $(WORK)/stage2
	$(call exported,$(WORK)/stage2/ecg_efficientnet_lite0_model.h5,$(WORK)/unseen)
	$(LITE0) $(STAGE_2) --with-test --out $(WORK)/shipped
	@mkdir -p edge/models export/models
	cp $(WORK)/shipped/ecg_efficientnet_lite0_model.h5 $(SHIPPED_H5)
	$(call exported,$(SHIPPED_H5),edge/models/ecg)
	cd edge/models && sha256sum ecg.onnx ecg_int8.onnx >SHA256SUMS
	$(PY) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(PY) -m benchmarks.shipped --measured $(WORK)/stage2 --unseen $(WORK)/unseen.onnx $(WORK)/unseen_int8.onnx --data $(DATA) \
	    --ptbxl $(WORK)/report $(WORK)/any2 $(PHOTOS:%=--photos %) $(OTHER_HOSPITAL:%=--other-hospital %) --out edge/models/card.json
	$(PY) -m tests.edge.make_shipped

bench: $(READY) $(MODEL)
	$(PY) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(PY) -m benchmarks.engines --h5 $(H5) --onnx $(MODEL) $(INT8:%=--int8 %) --images $(IMAGES)
	$(PY) -m benchmarks.device $(DEVICE) --h5 $(H5)

test: $(READY)
	$(PYTEST) -m "not slow and not soak"

# What is bounded by time runs alone.
TIMED := tests/demo/test_many_visitors.py

test-slow: $(READY)
	$(PYTEST) -m slow --ignore $(TIMED)
	$(PY) -m pytest -m slow $(TIMED)

test-edge: $(READY)
	$(PYTEST) -m "not slow and not soak" tests/edge

audit-dependencies: $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check pip-audit
	$(PY) -m pip_audit --requirement requirements.txt --no-deps --disable-pip

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
