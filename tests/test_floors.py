"""The house stands: imports only go down its floors, and start-up stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "heirloom"

# From the top; what stands on one line may import sideways.
FLOORS = (
    ("cli", "__main__", "__init__", "progress"),
    ("reports", "report_page"),
    (
        "training",
        "groundwork",
        "job",
        "evaluation",
        "protocols",
        "comparison",
        "prediction",
        "figures",
        "auditing",
        "differences",
        "diagnosis",
    ),
    (
        "recipes",
        "data",
        "runs",
        "checkpoints",
        "weights",
        "foreign",
        "finetuning",
        "accounting",
        "score_maps",
        "tables",
        "worksheets",
        "losses",
        "optimizers",
        "schedules",
        "curvature",
        "averaging",
        "events",
        "measures",
        "tasks",
    ),
    ("tracing", "rows", "ops"),
    ("models",),
    ("layers", "kernels", "images", "claim", "files", "documents", "memory", "errors", "version"),
)
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def rooms() -> dict[str, set[str]]:
    """For each file the rooms that it imports, inside functions as well, and not for type checkers alone."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        skipped = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
            for node in ast.walk(block)
        }
        names: set[str] = set()
        for node in ast.walk(tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "heirloom":
                deeper = node.module.split(".")[1:2]
                names |= set(deeper) if deeper else {a.name for a in node.names}
            elif isinstance(node, ast.Import):
                names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("heirloom.")}
                names |= {"__init__" for a in node.names if a.name == "heirloom"}
        found[path.relative_to(SOURCE).as_posix()] = names
    return found


def room_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def test_imports_go_down_or_sideways() -> None:
    seen = 0
    for path, names in rooms().items():
        room = room_of(path)
        for name in names - {room}:
            seen += 1
            assert name in FLOOR, f"{path} imports {name}, which has no floor"
            assert FLOOR[name] >= FLOOR[room], f"{path} imports {name}, which lies above it"
    assert seen > 50


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in rooms()} == set(FLOOR)


def test_no_circles_between_rooms() -> None:
    graph: dict[str, set[str]] = {}
    for path, names in rooms().items():
        graph.setdefault(room_of(path), set()).update(names - {room_of(path)})
    graph["cli"].discard("__init__")
    done: list[str] = []

    def visit(room: str, trail: tuple[str, ...]) -> None:
        assert room not in trail, f"circle: {' -> '.join((*trail, room))}"
        if room not in done:
            for name in sorted(graph.get(room, ())):
                visit(name, (*trail, room))
            done.append(room)

    for room in sorted(graph):
        visit(room, ())


def test_no_room_of_everything() -> None:
    names = {part for path in rooms() for part in Path(path).with_suffix("").parts}
    assert not names & {"utils", "util", "helpers", "common", "core", "base", "misc"}


def test_no_file_bears_the_name_of_a_public_function() -> None:
    import heirloom

    files = {part for path in rooms() for part in Path(path).with_suffix("").parts}
    assert not files & set(heirloom.__all__)


def test_public_names_load() -> None:
    import heirloom

    for name in heirloom.__all__:
        assert getattr(heirloom, name) is not None
    assert set(heirloom.__all__) <= set(dir(heirloom))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = heirloom.nothing_like_it


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["list"], ["list", "--recipes"], ["train", "--help"]]
)
def test_light_commands_do_without_torch(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from heirloom.__main__ import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "print(sorted({'torch', 'numpy', 'matplotlib', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_nothing_is_pickled_or_evaluated() -> None:
    """No call in the sources can run what a file says. Foreign tensors are read in one place, and how."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name == "torch.load" and path.relative_to(SOURCE).as_posix() == "foreign/pytorch.py":
                    assert [ast.unparse(k) for k in node.keywords if k.arg == "weights_only"] == [
                        "weights_only=True"
                    ]
                    continue
                assert name not in ("eval", "exec", "torch.load", "pickle.load", "pickle.loads", "np.load"), (
                    path
                )
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "marshal", "shelve", "dill"} & {n.split(".")[0] for n in names}, path
