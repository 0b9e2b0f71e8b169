"""The command line. Each command is a few lines over the library function of the same name.

Data go to stdout, everything else to stderr. Torch is imported inside the commands that need it.
"""

import json
import shlex
import shutil
import signal
import statistics
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

import heirloom
from heirloom.errors import HeirloomError, nearest
from heirloom.memory import garbage_waits
from heirloom.models import arguments

if TYPE_CHECKING:
    from heirloom.events import Event

app = typer.Typer(
    help="The classic convolutional networks, exactly as published. --debug shows where an error comes from.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Form(StrEnum):
    """How a table is printed."""

    text = "text"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    latex = "latex"


class PlainForm(StrEnum):
    """How a result is printed."""

    text = "text"
    csv = "csv"
    json = "json"


class ConventionName(StrEnum):
    """Which count the headline gives."""

    lecun = "lecun"
    macs = "macs"
    flops = "flops"


Format = Annotated[Form, typer.Option("--format", help="How to print it.")]
Model = Annotated[str, typer.Argument(help="Name of a network, package.module:Class, or file.py:Class.")]
Arguments = Annotated[
    list[str] | None, typer.Option("--arg", help="Argument of the network, name=value; repeatable.")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")]
RunOrFile = Annotated[Path, typer.Argument(metavar="RUN|FILE", help="Run directory or weights file.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of the processor.")]
Every = Annotated[
    int, typer.Option("--checkpoint-every", min=0, help="Steps between checkpoints; 0: at the end of epochs.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
OwnModel = Annotated[
    str | None,
    typer.Option("--model", metavar="FILE.PY:CLASS", help="The network, where it is code of your own."),
]
DataRoots = Annotated[
    list[Path] | None,
    typer.Option("--data-root", metavar="DIR", help="Folder with data sets, looked below first; repeatable."),
]
InputSize = Annotated[str | None, typer.Option(metavar="C,H,W", help="Size of one input, without the batch.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"heirloom {heirloom.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


@app.command("list")
def list_(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, such as 'lenet5*'.")] = "*",
    recipes: Annotated[bool, typer.Option("--recipes", help="List the recipes instead.")] = False,
) -> None:
    """List the networks, or the recipes."""
    import fnmatch

    from heirloom import models
    from heirloom.recipes import RECIPES, headline

    found = [name for name in RECIPES if fnmatch.fnmatch(name, pattern)]
    names = found if recipes else models.list_models(pattern)
    width = max(map(len, names), default=0)
    for name in names:
        print(f"{name:<{width}}  {headline(name) if recipes else models.headline(name)}")
    if not names:
        from heirloom.models import MODELS

        known = RECIPES if recipes else MODELS
        raise HeirloomError("E-model", f"nothing matches {pattern!r}", why=nearest(pattern, known))


@app.command()
def summary(
    model: Model,
    input_size: InputSize = None,
    convention: Annotated[ConventionName, typer.Option(help="The headline's count.")] = ConventionName.lecun,
    arg: Arguments = None,
    lower_bound: Annotated[
        bool, typer.Option("--lower-bound", help="Leave out operations without a rule, and say so.")
    ] = False,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="LEVELS",
            help="Levels of names to show, the rest added up; 0 for all. By default as many as are readable; "
            "csv and json always have every row.",
        ),
    ] = None,
    shares: Annotated[bool, typer.Option("--shares", help="Shares by kind of operation instead.")] = False,
    memory: Annotated[
        int | None, typer.Option(min=1, metavar="BATCH", help="Bytes in training with that batch instead.")
    ] = None,
    format: Format = Form.text,
) -> None:
    """Account for every parameter, connection and operation of a network."""
    if shares and memory is not None:
        raise HeirloomError("E-usage", "--shares and --memory", why="each is a table of its own")

    with garbage_waits():
        from heirloom.accounting import summary
        from heirloom.tables import as_json, memory_table, readable_depth, shares_table, summary_table

        size, args = _size(input_size), arguments(arg or [])
        books = summary(model, size, convention=convention.value, lower_bound=lower_bound, **args)
        if shares:
            text = shares_table(books).render(format)
        elif memory is not None:
            text = memory_table(books, memory).render(format)
        elif format == Form.json:
            text = as_json(books.as_dict())
        else:
            table = summary_table(books, readable_depth(books) if depth is None else depth)
            text = table.render(format, _terminal_width())
    _print(text)


@app.command()
def diff(
    first: Model,
    second: Model,
    input_size: InputSize = None,
    arg: Arguments = None,
    first_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Argument of the first network alone.")
    ] = None,
    second_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Argument of the second network alone.")
    ] = None,
    format: Format = Form.text,
) -> None:
    """Name every difference between what two networks compute, and where each side is written."""
    from heirloom.accounting import summary
    from heirloom.differences import diff, difference_table

    size = _size(input_size)
    settings = [*(arg or []), *(first_arg or [])], [*(arg or []), *(second_arg or [])]
    sides = list(zip((first, second), settings, strict=True))
    books = [summary(model, size, **arguments(given)) for model, given in sides]
    labels = [" ".join([model, *given]) for model, given in sides]
    if labels[0] == labels[1]:
        labels[1] += " (2)"
    _print(difference_table(diff(*books), labels[0], labels[1]).render(format))


@app.command()
def audit(
    model: Annotated[str | None, typer.Argument(help="Name of a network; by default all.")] = None,
    format: Format = Form.text,
) -> None:
    """Check every published number against the networks; exit 1 if one is wrong."""
    from heirloom.auditing import audit
    from heirloom.tables import Table, cell_text

    found = audit(model)
    rows = [
        [v.model, v.claim.layer or "total", v.claim.quantity, _cell(v.claim.value), _cell(v.ours),
         v.words.partition(":")[0], v.claim.source]
        for v in found
    ]  # fmt: skip
    notes = [
        f"{name}, {layer}, {quantity} {cell_text(printed)}, {source}: {v.words}."
        for (name, layer, quantity, printed, *_, source), v in zip(rows, found, strict=True)
        if ":" in v.words
    ]
    wrong = sum(not verdict.holds for verdict in found)
    title = f"{len(found)} published numbers checked, {wrong} wrong"
    heads = ["model", "layer", "quantity", "printed", "ours", "verdict", "source"]
    full = [
        dict(zip(heads, [*row[:5], v.words, row[6]], strict=True)) for row, v in zip(rows, found, strict=True)
    ]
    _print(Table(title, heads, rows, notes=notes, data=full).render(format))
    if wrong:
        raise typer.Exit(1)


@app.command()
def explain(
    number: Annotated[str, typer.Argument(help="A number, such as 1516 or 340,908.")],
    format: Format = Form.text,
) -> None:
    """Find the layers and totals that have a number, and who prints it; exit 1 if there is none."""
    from heirloom.auditing.explaining import explain
    from heirloom.tables import Table

    try:
        value = int(number.replace(",", "").replace("_", ""))
    except ValueError as error:
        raise HeirloomError("E-usage", f"{number!r} is not a whole number") from error
    found = explain(value)
    rows = [[e.model, e.layer, e.quantity, e.why] for e in found]
    title = f"{value:,} stands in {len(found)} place{'s' * (len(found) != 1)}"
    _print(Table(title, ["model", "layer", "quantity", "why"], rows).render(format))
    if not found:
        raise typer.Exit(1)


@app.command()
def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE|MODEL", help="Recipe, network, file.py:Class, or recipe.json.")
    ],
    data: Annotated[str | None, typer.Option(help="Data set to learn, such as digits.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable."),
    ] = None,
    arg: Arguments = None,
    weights: Annotated[Path | None, typer.Option(help="Weights file or run to start from.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs, with as many seeds.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Run directory, absent or empty; by default below runs/.")
    ] = None,
    device: Device = None,
    threads: Threads = None,
    checkpoint_every: Every = 0,
    data_root: DataRoots = None,
    quiet: Quiet = False,
) -> None:
    """Train a network, evaluate it once on the test split, and write a report."""
    from heirloom.data import roots
    from heirloom.recipes import find_recipe
    from heirloom.training import train

    roots.use(data_root or [])
    title, chosen = find_recipe(recipe, data, [*(set_ or []), *([f"weights={weights}"] if weights else [])])
    if arg:
        chosen = chosen.changed([f"args={' '.join([chosen.args, *arg]).strip()}"])
    accuracies, paths = [], []
    for number in range(seeds):
        one = chosen.changed([f"seed={chosen.seed + number}"])
        folder = out / f"seed-{one.seed}" if out and seeds > 1 else out
        events = train(
            one,
            name=title,
            out=folder,
            device=device or "cpu",
            threads=threads,
            checkpoint_every=checkpoint_every,
        )
        accuracy, path = _follow(events, chosen.model, quiet)
        accuracies.append(accuracy)
        paths.append(path)
    if seeds > 1:
        mean, deviation = statistics.mean(accuracies), statistics.stdev(accuracies)
        print(f"mean {100 * mean:.2f} %, standard deviation {100 * deviation:.2f}, {seeds} seeds")
    for path in paths:
        print(f"run: {path}")


@app.command()
def resume(
    run: RunPath,
    model: OwnModel = None,
    device: Device = None,
    threads: Threads = None,
    checkpoint_every: Every = 0,
    data_root: DataRoots = None,
    quiet: Quiet = False,
    prove: Annotated[
        bool, typer.Option("--prove", help="Then train it again without a break; exit 1 if a byte differs.")
    ] = False,
) -> None:
    """Go on with a run that was interrupted; the end is the same, bit by bit."""
    from heirloom.data import roots
    from heirloom.training import prove as repeat
    from heirloom.training import resume

    roots.use(data_root or [])
    events = resume(run, model, device=device, threads=threads, checkpoint_every=checkpoint_every)
    _, path = _follow(events, model, quiet, str(run))
    if prove:
        print("training once more without a break, to compare", file=sys.stderr)
        same = repeat(path, model)
        print(f"proof: model.safetensors {'is the same' if same else 'differs'} without a break")
    print(f"run: {path}")
    if prove and not same:
        raise typer.Exit(1)


@app.command()
def report(run: RunPath, model: OwnModel = None, data_root: DataRoots = None) -> None:
    """Write the report of a finished run: one file, no scripts."""
    from heirloom.data import roots
    from heirloom.reports import report

    roots.use(data_root or [])
    print(report(run, model))


@app.command()
def evaluate(
    run: RunOrFile,
    data: Annotated[str | None, typer.Option(help="Data set; by default the run's own.")] = None,
    split: Annotated[str, typer.Option(help="train, val, test, or several joined by +.")] = "test",
    model: OwnModel = None,
    data_root: DataRoots = None,
    format: Annotated[PlainForm, typer.Option("--format", help="How to print it.")] = PlainForm.text,
) -> None:
    """Measure the accuracy on a split, with its 95 % interval."""
    from heirloom.data import roots
    from heirloom.evaluation import evaluate

    roots.use(data_root or [])
    found = evaluate(run, data, split=split, model=model)
    if format is PlainForm.text:
        print(found.line())
    elif format is PlainForm.csv:
        _print(found.as_csv())
    else:
        print(json.dumps(found.as_dict(), indent=2))


@app.command()
def predict(
    run: RunOrFile,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE...|FOLDER|-", help="Images and folders; - is an image on stdin."),
    ] = None,
    files_from: Annotated[Path | None, typer.Option(help="File with a path on each line.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Classes for each image.")] = 1,
    model: OwnModel = None,
    format: Annotated[PlainForm, typer.Option("--format", help="How to print it.")] = PlainForm.csv,
) -> None:
    """Classify images; a bad one is a row with its error, and exit 3 at the end."""
    from heirloom.prediction import COLUMNS, csv_line, predict

    paths = [*(images or []), *(_lines(files_from) if files_from else [])]
    if not paths:
        raise HeirloomError("E-usage", "no images", remedy="name images or folders, or --files-from LIST")
    if "-" in paths and sys.stdin is None:
        raise HeirloomError("E-usage", "no image on stdin", why="it is closed")
    sources = [sys.stdin.buffer.read() if path == "-" else path for path in paths]
    found = predict(run, sources, top=top, model=model)
    bad = 0
    if format is PlainForm.csv:
        _print(csv_line(COLUMNS))
    for answer in found:
        bad += bool(answer.error)
        if format is PlainForm.csv:
            _print(csv_line(answer.cells()))
        elif format is PlainForm.json:
            _print(json.dumps(answer.as_dict(), ensure_ascii=False) + "\n")
        else:
            _print(f"{answer.error or f'{answer.path}: {answer.label}, {100 * answer.probability:.1f} %'}\n")
    if bad:
        raise typer.Exit(3)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PyTorch, Caffe, NumPy or safetensors.")],
    model: Annotated[str, typer.Option("--as", metavar="MODEL", help="The network that it is for.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Weights file to write.")],
    arg: Arguments = None,
    preprocess: Annotated[
        str | None,
        typer.Option(
            help="How images are prepared: imagenet, caffe, ..., or a JSON object, or a file of it."
        ),
    ] = None,
    mean_image: Annotated[
        Path | None, typer.Option(help="Mean image to subtract: .npy or .binaryproto.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="FILE|N", help="Names of the classes, one on each line; or how many."),
    ] = None,
    publisher: Annotated[
        str | None, typer.Option(help="Whose names the file has; by default it is found out.")
    ] = None,
    fresh_classifier: Annotated[
        bool, typer.Option("--fresh-classifier", help="Do not take the layers that depend on the classes.")
    ] = False,
    format: Format = Form.text,
) -> None:
    """Bring the weights of another program into a network, and say of every tensor where it went."""
    from heirloom.foreign import load_weights
    from heirloom.foreign.matching import Unfit
    from heirloom.weights import save_model

    if out.exists():
        raise HeirloomError(
            "E-output-exists", "the file exists", where=str(out), remedy="choose another name"
        )
    if preprocess and not preprocess.lstrip().startswith("{") and Path(preprocess).is_file():
        preprocess = "\n".join(_lines(Path(preprocess)))
    names = int(classes) if classes and classes.isdecimal() else _lines(Path(classes)) if classes else None
    try:
        found = load_weights(
            file,
            model,
            args=arguments(arg or []),
            preprocess=preprocess,
            mean_image=mean_image,
            classes=names,
            publisher=publisher,
            fresh_classifier=fresh_classifier,
        )
    except Unfit as unfit:
        _print(unfit.report.table().render(format))
        raise
    save_model(out, found.model, found.card)
    _print(found.report.table().render(format))


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Data set: mnist or fashion_mnist.")],
    data_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder to put it below; else the first of HEIRLOOM_DATA, or a cache."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Download a data set, checked; what is there already is only checked."""
    from heirloom.data.fetching import fetch
    from heirloom.progress import downloads

    try:
        with downloads(quiet) as watcher:
            folder = fetch(name, data_root, watcher=watcher)
    except KeyboardInterrupt:
        print("stopped; to go on, give the same command again", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"{name}, all files as published: {folder}")


def _follow(events: "Iterator[Event]", model: str | None, quiet: bool, path: str = "") -> tuple[float, str]:
    """Show a run, then evaluate it once on the test split and write its report; accuracy and path."""
    from heirloom.data import roots
    from heirloom.evaluation import accuracy_line, evaluate
    from heirloom.events import Started
    from heirloom.progress import shown
    from heirloom.reports import report
    from heirloom.runs import Run

    step = 0
    with _Interruption() as interruption:
        try:
            with shown(quiet) as display:
                for event in events:
                    display.show(event)
                    step = display.step
                    if isinstance(event, Started):
                        path = event.run
                    if interruption.signal:
                        events.close()  # type: ignore[attr-defined]
                        raise _Stopped
            interruption.at_once = True
            if interruption.signal:
                raise _Stopped
            run = Run(path)
            if not (run.path / "evaluations" / "test-center.json").is_file():
                evaluate(run.path, model=model)
            metrics = run.read_json("evaluations/test-center.json")["metrics"]
            name, value = next(iter(metrics.items()))
            page = report(run.path, model)
        except _Stopped:
            own = ["--model", model] if model and ":" in model else []
            data = [word for root in roots.used() for word in ("--data-root", str(root))]
            again = shlex.join(["heirloom", "resume", path, *own, *data])
            print(f"stopped at step {step}; go on with: {again}", file=sys.stderr)
            raise typer.Exit(128 + interruption.signal) from None
    print(accuracy_line(name, value["correct"], value["n"]))
    print(f"report: {page}")
    return float(value["value"]), path


class _Stopped(BaseException):
    """The user has asked to stop. No handler of errors may take it for one."""


class _Interruption:
    """Notes the first Ctrl-C or SIGTERM, so that the step is finished; the second ends the program.

    With ``at_once`` the first one stops what is being done: nothing there needs to be finished.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.at_once = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Interruption":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        if self.at_once:
            raise _Stopped


def _cell(value: int | tuple[int, ...]) -> int | str:
    return value if isinstance(value, int) else "×".join(map(str, value))


def _print(text: str) -> None:
    sys.stdout.write(text)


def _terminal_width() -> int:
    """Columns of the terminal that stdout is, 0 if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _size(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        size = tuple(int(part) for part in text.split(","))
    except ValueError:
        size = ()
    if not size or min(size) < 1:
        raise HeirloomError(
            "E-usage", f"--input-size {text}", why="not a size", remedy="give it as C,H,W: 3,224,224"
        )
    return size


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(errors="surrogateescape")
    except OSError as error:
        raise HeirloomError(
            "E-usage", "cannot read the list", where=str(path), why=(error.strerror or "").lower()
        ) from error
    return [line for line in text.split("\0" if "\0" in text else "\n") if line]
