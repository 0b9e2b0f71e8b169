"""One program in one process: what it printed and when, how long it took, who else was busy meanwhile."""

import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contender:
    """One program of a comparison; ``{seed}`` and ``{folder}`` in its command are filled in."""

    program: str  # heirloom, or the kind of peer
    network: str
    variant: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a process.

    Attributes:
        lines: What it printed, each line with the seconds since the process was started.
        seconds: Of the whole process.
        others: Processor time of everybody else meanwhile, as a share of one core; None if unknown.
        failed: Why it failed, else empty.
    """

    lines: tuple[tuple[float, str], ...]
    seconds: float
    others: float | None
    failed: str


def run(contender: Contender, seed: int) -> Outcome:
    """Run a contender in an empty folder of its own."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as errors:
        command = [part.format(seed=seed, folder=folder) for part in contender.command]
        all_before, ours_before, began = _busy(), _ours(), time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child:
            assert child.stdout is not None
            lines = tuple((time.perf_counter() - began, line.rstrip()) for line in child.stdout)
        seconds = time.perf_counter() - began
        all_after, ours_after = _busy(), _ours()
        others = None
        if all_before is not None and all_after is not None:
            others = max(0.0, all_after - all_before - (ours_after - ours_before)) / seconds
        errors.seek(0)
        said = [line.strip() for line in errors if line.strip()]
    failed = "" if child.returncode == 0 else f"exit {child.returncode}: {said[-1] if said else 'no word'}"
    return Outcome(lines, seconds, others, failed)


def _busy() -> float | None:
    """Seconds that all cores have worked, for us, for others, or for the host's other guests."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:  # not Linux
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, first.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _ours() -> float:
    """Seconds of processor time of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
