"""The program: run a command; turn what goes wrong into one line and an exit status."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from heirloom.errors import HeirloomError, printable

DEFECT = 70

# OpenMP reads this when torch is loaded. By default a thread that has nothing to do spins, and on a machine
# with other work two spinning threads are up to thirty times slower than two that sleep. To fall asleep at
# once costs a tenth of a deep network's training: they spin for a fraction of a millisecond, as between two
# layers. No result changes.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without × still gets its table
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    with _interruptions() as noted:
        _finish(arguments, debug, noted)


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Within, each Ctrl-C is noted before it interrupts.

    Where it comes during an import, torch may swallow it and fail later; where it comes while Python makes a
    class, that makes another error of it.
    """
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _finish(arguments: list[str], debug: bool, noted: list[int]) -> NoReturn:
    """Run, and exit; ``noted`` has the interruptions so far."""
    try:
        sys.exit(_run(arguments))
    except BrokenPipeError:  # the reader has seen enough, as in `heirloom list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except HeirloomError as error:
        if debug:
            raise
        print(f"heirloom: {error}", file=sys.stderr)
        sys.exit(error.status)
    except Exception as error:
        if debug:
            raise
        if noted:
            print("interrupted", file=sys.stderr)
            sys.exit(130)
        if isinstance(error, OSError):  # a full disk behind stdout, a name that is too long
            where, why = str(error.filename or ""), (error.strerror or str(error)).lower()
            refused = HeirloomError("E-disk", "cannot read or write", where=where, why=why)
            print(f"heirloom: {refused}", file=sys.stderr)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing is left to be flushed there
            sys.exit(refused.status)
        text = printable(f"{type(error).__name__}: {error}")
        print(f"heirloom: a defect of ours: {text}: run it again with --debug and report it", file=sys.stderr)
        sys.exit(DEFECT)


def _run(arguments: list[str]) -> int:
    import typer.main

    from heirloom.cli import app

    command = typer.main.get_command(app)
    try:
        # Not `app(arguments)`: that would take an interruption, and a reader that left, for itself.
        with command.make_context("heirloom", arguments) as context:
            command.invoke(context)
        status = 0
    except typer.Exit as stop:
        status = stop.exit_code
    except Exception as error:
        # What typer raises for a wrong command or option has this method, and no public class.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        if not message():  # no command at all: the help was printed
            return 2
        where = getattr(error, "ctx", None)
        remedy = f"{where.command_path if where else 'heirloom'} --help"
        raise HeirloomError("E-usage", message().rstrip("."), remedy=remedy) from error
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    main()
