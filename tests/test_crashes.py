"""Real processes: killed, stopped by signals, out of disk, two at once."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Heirloom

from heirloom.runs import Run

TRAIN = [
    "train", "lenet5", "--data", "digits", "--set", "epochs=14", "--set", "train_limit=512",
    "--threads", "1", "--checkpoint-every", "9", "--quiet",
]  # fmt: skip


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "heirloom", *arguments]
    return subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(path: Path, process: "subprocess.Popen[str]", since: float = 0.0) -> None:
    """Until ``path`` was written after ``since``."""
    limit = time.monotonic() + 60
    while not (path.exists() and path.stat().st_mtime > since):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.002)


def newest(run: Path) -> str:
    """Name of the last checkpoint; empty before the first."""
    folder = run / "checkpoints"
    return max([p.name for p in folder.iterdir() if p.name[0] == "s"] if folder.is_dir() else [], default="")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Weights of the run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("straight")
    _, errors = (process := start(folder, *TRAIN, "--out", "run")).communicate(timeout=120)
    assert process.returncode == 0, errors
    return (folder / "run" / "model.safetensors").read_bytes()


def test_killed_ten_times_a_run_ends_with_the_same_bytes(tmp_path: Path, straight: bytes) -> None:
    """SIGKILL: twice before the first checkpoint, then at random instants, some of them behind a new one."""
    chance, run, steps = random.Random(), tmp_path / "run", []
    process = start(tmp_path, *TRAIN, "--out", "run")
    wait_for(run / "recipe.json", process)
    for life in range(10):
        if life >= 2:
            limit = time.monotonic() + 60
            while life % 2 == 0 and newest(run) == steps[-1] and time.monotonic() < limit:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (run / "model.safetensors").exists():
            break
        steps.append(newest(run))
        began = (run / "versions.json").stat().st_mtime if (run / "versions.json").exists() else 0.0
        process = start(tmp_path, "resume", "run", "--checkpoint-every", "9", "--quiet")
        wait_for(run / "versions.json", process, since=began)
    out, errors = process.communicate(timeout=120)
    if process.returncode == -signal.SIGKILL:
        process = start(tmp_path, "resume", "run", "--quiet")
        out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert steps[0] == ""  # killed before the first checkpoint
    assert steps == sorted(steps)  # nothing that was saved was lost
    assert len(set(steps)) > 2  # and it did go on in between
    assert (run / "model.safetensors").read_bytes() == straight
    assert out.splitlines()[-1] == "run: run"
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_a_checkpoint_and_says_how_to_go_on(
    tmp_path: Path, straight: bytes, number: signal.Signals, process: Heirloom
) -> None:
    running = start(tmp_path, *TRAIN, "--out", "run", "--checkpoint-every", "100000")
    wait_for(tmp_path / "run" / "events.jsonl", running)
    time.sleep(0.2)
    running.send_signal(number)
    out, errors = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert out == ""
    (line,) = errors.splitlines()
    assert line.startswith("stopped at step ")
    assert line.endswith("; go on with: heirloom resume run")
    step = int(line.split()[3].rstrip(";"))
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == [f"step-{step:08d}"]
    done = process("resume", "run", "--quiet")
    assert done.returncode == 0, done.stderr
    assert f"going on from step {step}" in done.stderr
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == straight


def test_a_full_disk_leaves_the_previous_checkpoint_good(tmp_path: Path, straight: bytes) -> None:
    """Files may not outgrow a limit that the checkpoints of this network pass and its log reaches later."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    command = [sys.executable, "-m", "heirloom", *TRAIN, "--out", "run"]
    done = subprocess.run(
        command, cwd=tmp_path, text=True, capture_output=True, preexec_fn=limited, timeout=60, check=False
    )
    # The optimiser's two moments are larger than the limit, the weights alone are not.
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert "cannot write: run/checkpoints/step-00000009: file too large: free some space" in line
    assert not list((tmp_path / "run").rglob("*.tmp"))
    process = start(tmp_path, "resume", "run", "--quiet", "--threads", "1")
    assert process.communicate(timeout=120)[0].splitlines()[-1] == "run: run"
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == straight


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs the right to mount")
def test_a_really_full_disk(tmp_path: Path, process: Heirloom) -> None:
    """A file system of 2 MB holds two checkpoints of this network, and no third while it is written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("mount is not allowed here")
    try:
        done = process(*TRAIN, "--out", "disk/run")
        assert done.returncode == 5, done.stderr
        assert "no space left on device" in done.stderr
        kept = sorted(p.name for p in (disk / "run" / "checkpoints").iterdir())
        assert kept == ["step-00000009", "step-00000018"]
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        done = process("resume", "disk/run", "--quiet")
        assert done.returncode == 0, done.stderr
        assert "going on from step 18" in done.stderr
    finally:
        subprocess.run(["umount", disk], check=True)


def test_two_processes_do_not_train_in_one_directory(tmp_path: Path, heirloom: Heirloom) -> None:
    process = start(tmp_path, *TRAIN, "--set", "epochs=500", "--out", "run")
    wait_for(tmp_path / "run" / "events.jsonl", process)
    second = heirloom("resume", "run")
    process.kill()
    process.communicate()
    assert second.returncode == 5
    assert "another process trains in run" in second.stderr
    with Run(tmp_path / "run").lock():  # a killed owner keeps nothing locked
        pass


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs to become another user")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Root may write anywhere, so the rights of nobody are taken."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    for folder in [tmp_path, *tmp_path.parents[:2]]:
        folder.chmod(folder.stat().st_mode | 0o055)
    command = ["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-m", "heirloom", *TRAIN]
    done = subprocess.run(
        [*command, "--out", str(locked / "run")],
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=locked,
    )
    if "permission denied" in done.stderr.lower() and "heirloom:" not in done.stderr:
        pytest.skip("nobody cannot read this Python")
    assert done.returncode == 5, done.stderr
    assert "cannot write" in done.stderr
    assert "permission denied" in done.stderr
