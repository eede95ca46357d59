"""The rules of the house: who may import what, how large a room may be, which words are used, how fast help comes."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT, last_line

ROOMS = {
    "edge": {"edge"},
    "archive": {"edge"},
    "training.errors": {"edge"},
    "training.synthetic": {"training.errors", "edge"},
    "training.isolation": {"edge"},
    "training.models": {"training.isolation", "training.errors", "edge"},
    "training.data": {"training.synthetic", "training.errors", "edge"},
    "training.inspection": {"training.data", "training.errors", "edge"},
    "training.evaluation": {
        "training.inspection", "training.data", "training.models", "training.synthetic", "training.errors", "edge",
    },
    "training.fit": {
        "training.evaluation", "training.inspection", "training.data", "training.models", "training.synthetic",
        "training.errors", "edge",
    },
    "training.audit": {
        "training.fit", "training.evaluation", "training.inspection", "training.data", "training.models",
        "training.errors", "edge",
    },
    "training.reports": {
        "training.audit", "training.evaluation", "training.inspection", "training.data", "training.synthetic",
        "training.errors", "edge",
    },
    "training.commands": {
        "training.reports", "training.audit", "training.fit", "training.evaluation", "training.data",
        "training.models", "training.synthetic", "training.errors", "edge",
    },
    "training.__main__": {"training.commands", "edge"},
    "export": {"training.data", "training.models", "training.isolation", "training.errors", "edge"},
    "demo_views": {"edge"},
    "demo": {"demo_views", "edge"},
}  # fmt: skip
"""What each room may import besides itself."""
PRODUCT = ("archive", "edge", "training", "export", "demo_views", "demo.py")
MOST_MODULES, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 12, 250, 50
# Each of these opens or changes pictures in another way than the one function, or ties training to one backend.
BANNED = {"load_img", "image_dataset_from_directory", "ImageDataGenerator", "Lambda"}
PRIVATE_WORDS = (
    "drawn page", "comparator", "table of copies", "typicality", "usual heatmap", "eight bits", "extra pages",
    "shop window",
)  # fmt: skip
HEAVY = {"tensorflow", "keras", "gradio", "sklearn", "matplotlib", "onnx", "tf2onnx"}


def modules(*parts: str) -> dict[str, Path]:
    """The files of the product by module name."""
    files = [
        file for part in parts for file in ([ROOT / part] if part.endswith(".py") else (ROOT / part).rglob("*.py"))
    ]
    assert files
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(file: Path, known: Callable[[str], bool]) -> Iterator[str]:
    """The modules that a file imports; of `from a import b`, a.b where that is a module."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports relative to itself: name the room"
            for alias in node.names:
                yield name if known(name := f"{node.module}.{alias.name}") else node.module


def room(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "training" else parts[0]


def upward(sources: dict[str, Path]) -> list[str]:
    """Imports that the table of rooms does not allow."""
    return [
        f"{name} imports {imported}"
        for name, file in sources.items()
        if name != "training"
        for imported in imports(file, sources.__contains__)
        if imported.split(".")[0] in {*(one.split(".")[0] for one in ROOMS), "training", "benchmarks", "tests"}
        and room(imported) not in {room(name), *ROOMS[room(name)]}
    ]


def test_imports_run_downwards_only(tmp_path: Path) -> None:
    sources = modules(*PRODUCT)
    assert upward(sources) == []
    wrong = tmp_path / "wrong.py"
    for name, text, imported in (
        ("training.data.wrong", "from training.reports import plots", "training.reports.plots"),
        ("training.fit.wrong", "def f():\n    import training.reports.report", "training.reports.report"),
        ("training.reports.wrong", "from training.fit.run import train", "training.fit.run"),
        ("training.models.wrong", "from training.data.folder import DataFolder", "training.data.folder"),
        ("export.wrong", "from training.fit.loop import Batches", "training.fit.loop"),
        ("edge.wrong", "from training.errors import DataError", "training.errors"),
    ):
        wrong.write_text(f"{text}\n")
        assert upward(sources | {name: wrong}) == [f"{name} imports {imported}"]
    wrong.write_text("from . import plots\n")
    with pytest.raises(AssertionError, match="relative"):
        upward(sources | {"training.data.wrong": wrong})


def ordered(sources: dict[str, Path]) -> list[str]:
    """The modules, each after those that it imports; raises CycleError for a circle."""
    graph = {
        name: {imported for imported in imports(file, sources.__contains__) if imported in sources}
        for name, file in sources.items()
    }
    return list(TopologicalSorter(graph).static_order())


def test_no_module_imports_itself_round_a_circle(tmp_path: Path) -> None:
    sources = modules(*PRODUCT)
    assert len(ordered(sources)) == len(sources)
    for name, text in (("one", "def f():\n    from house import two\n"), ("two", "import house.one\n")):
        (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(CycleError):
        ordered({f"house.{name}": tmp_path / f"{name}.py" for name in ("one", "two")})


def foreign_helpers(sources: dict[str, Path]) -> list[str]:
    """Tests that import from another test's file."""
    return [
        f"{name} imports {imported}"
        for name, file in sources.items()
        for imported in imports(file, sources.__contains__)
        if imported.startswith("tests.") and imported.rsplit(".", 1)[-1].startswith("test_")
    ]


def test_no_test_imports_from_another_test(tmp_path: Path) -> None:
    assert foreign_helpers(modules("tests")) == []
    (tmp_path / "test_wrong.py").write_text("from tests.test_house import modules\n")
    assert foreign_helpers({"tests.test_wrong": tmp_path / "test_wrong.py"}) == [
        "tests.test_wrong imports tests.test_house"
    ]


def test_training_knows_no_backend_and_the_demo_what_it_shows_alone() -> None:
    foreign = {"tensorflow", "tf2onnx", "gradio"}
    for name, file in modules("training").items():
        assert not foreign & {imported.split(".")[0] for imported in imports(file, bool)}, name
    files = modules("demo_views", "demo.py").values()
    names = {imported.split(".")[0] for file in files for imported in imports(file, lambda _: False)}
    assert names - set(sys.stdlib_module_names) == {
        "demo_views",
        "edge",
        "gradio",
        "matplotlib",
        "numpy",
        "PIL",
        "starlette",
    }


def long_functions(text: str) -> list[str]:
    """Names of functions that are too long and give no reason beside their first line."""
    lines = text.splitlines()
    return [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
        and not any(re.search(r"# long: \w", line) for line in lines[node.lineno - 1 : node.body[0].lineno])
    ]


def crowded_folders(files: Iterable[Path]) -> set[Path]:
    folders = Counter(file.parent for file in files if file.stem not in ("__init__", "__main__"))
    return {folder for folder, count in folders.items() if count > MOST_MODULES}


def long_modules(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if len(file.read_text(encoding="utf-8").splitlines()) > MOST_LINES]


def test_no_room_no_module_and_no_function_is_crowded(tmp_path: Path) -> None:
    files = [*modules(*PRODUCT).values(), *modules("benchmarks").values()]
    assert crowded_folders(files) - {ROOT / "benchmarks"} == set()  # no package: each file there is a program
    assert long_modules(files) == []
    for file in files:
        assert long_functions(file.read_text(encoding="utf-8")) == [], file
    room = [Path("room", f"{number}.py") for number in range(MOST_MODULES)]
    assert crowded_folders([*room, Path("room/__init__.py"), Path("room/__main__.py")]) == set()
    assert crowded_folders([*room, Path("room/more.py")]) == {Path("room")}
    (tmp_path / "long.py").write_text("pass\n" * MOST_LINES)
    assert long_modules([tmp_path / "long.py"]) == []
    (tmp_path / "long.py").write_text("pass\n" * (MOST_LINES + 1))
    assert long_modules([tmp_path / "long.py"]) == [tmp_path / "long.py"]
    body = "    pass\n" * MOST_LINES_OF_A_FUNCTION
    assert long_functions(f"def f():\n{body}") == ["f"]
    assert long_functions(f"def f():  # long: a table\n{body}") == []


def used(text: str) -> set[str]:
    """The names that a module uses or imports; what its texts for people name is something else."""
    nodes = list(ast.walk(ast.parse(text)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return names | {node.name.rpartition(".")[2] for node in nodes if isinstance(node, ast.alias)}


def test_there_is_one_way_to_open_a_picture() -> None:
    for wrong in (
        "keras.utils.load_img(x)",
        "from keras.layers import Lambda as L",
        "import keras.utils.load_img",
        "Lambda()",
    ):
        assert BANNED & used(wrong), wrong
    for file in modules("edge", "training", "export").values():
        text = file.read_text(encoding="utf-8")
        assert not BANNED & used(text), file
        assert "safe_mode=False" not in text, file
        assert ("Image.open" in text) == (file == ROOT / "edge" / "images" / "page.py"), file


def test_no_answer_depends_on_the_clock() -> None:
    """A clock may jump: what takes long is measured by one that does not, and nothing carries a date."""
    for wrong in ("import datetime", "from time import time", "time.time()", "time.time_ns()", "os.path.getmtime(x)"):
        assert clocks(wrong), wrong
    assert not clocks("time.monotonic()")
    for file in modules(*PRODUCT).values():
        assert not clocks(file.read_text(encoding="utf-8")), file


def clocks(text: str) -> set[str]:
    """What a module uses of the clock on the wall."""
    tree = ast.parse(text)
    reached = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    wall = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.strftime", "os.path.getmtime"}
    return (
        reached & wall
        | used(text) & {"datetime", "ctime"}
        | {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "time"
            for alias in node.names
            if alias.name not in ("monotonic", "perf_counter", "sleep")
        }
    )


def private_words(text: str) -> list[str]:
    flat = re.sub(r"[\s_-]+", " ", text.lower())
    return [word for word in PRIVATE_WORDS if word in flat]


def test_the_words_are_those_of_the_field() -> None:
    """Help texts and reports are made of strings in the code, so the code is read whole."""
    assert private_words("What Comparators\n make of drawn\npages") == ["drawn page", "comparator"]
    documents = [ROOT / "README.md", ROOT / "MODELS.md", *(ROOT / "docs").rglob("*.md")]
    sources = [*modules(*PRODUCT, "benchmarks").values(), ROOT / "training" / "reports" / "report.css"]
    assert len(documents) > 10
    # Whoever still gives the old option is told the new one.
    told = {ROOT / "training" / "__main__.py": ["extra pages"]}
    for file in [*documents, *sources]:
        found = private_words(file.read_text(encoding="utf-8"))
        assert not set(found) - set(told.get(file, [])), file


@pytest.mark.parametrize(
    ("command", "old", "new"),
    [
        ("training", ("pages", "--out", "x"), "pages is called synthetic now"),
        ("training", ("train", "--extra-pages", "x"), "--extra-pages is called --auxiliary now"),
        ("training", ("train", "--captures", "2"), "--captures is called --acquisitions now"),
        ("training", ("synthetic", "--capture=photo"), "--capture is called --acquisition now"),
        ("training", ("train", "--views", "2"), "--views is called --augmentations now"),
        ("export", ("verify", "a.h5", "a.onnx", "--json"), "--json is called --format json now"),
    ],
)
def test_an_old_name_gets_a_sentence_with_the_new_one(
    called: Callable, command: str, old: tuple[str, ...], new: str
) -> None:
    assert new in last_line(called(command, *old, code=2))


def test_choices_of_the_command_are_those_of_the_generator() -> None:
    from training.commands import synthetic
    from training.synthetic.acquisition.parameters import ACQUISITIONS
    from training.synthetic.paper.layout import LAYOUTS, LOOKS

    assert tuple(sorted(LOOKS)) == synthetic.LOOKS
    assert tuple(sorted(LAYOUTS)) == synthetic.LAYOUTS
    assert tuple(sorted(ACQUISITIONS)) == synthetic.ACQUISITIONS


@pytest.mark.parametrize(
    "command",
    [
        *(("-m", program) for program in ("edge", "training", "export")),
        *(("-m", "edge", name) for name in ("predict", "info", "check", "bench")),
        *(("-m", "training", name) for name in ("explore", "audit", "train", "tune", "evaluate", "synthetic")),
        *(("-m", "export", name) for name in ("convert", "adopt", "inspect", "verify")),
        ("demo.py",),
    ],
)
def test_help_loads_nothing_heavy_and_says_what_this_is_not(command: tuple[str, ...]) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0
    assert "not a medical device" in " ".join(result.stdout.split())
    loaded = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines()}
    assert "argparse" in loaded  # the test can see what is loaded
    assert not loaded & HEAVY


def test_an_interrupt_ends_training_with_130(three_classes: Path, tmp_path: Path) -> None:
    import signal

    size, epochs = ("--image-size", "96x160"), ("--epochs", 200)  # so many that the signal comes in time on any machine
    words = ("train", "--model", "cnn", "--data", three_classes, *size, *epochs, "--out", tmp_path / "run")
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *map(str, words)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in the background deaf to interrupts, and all below it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stderr:
        if "epoch 2 of 200" in line:
            process.send_signal(signal.SIGINT)
            break
    messages = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert messages.splitlines()[-1] == "interrupted"
    assert "Traceback" not in messages
    assert not (tmp_path / "run" / "ecg_cnn_model.h5").exists()
