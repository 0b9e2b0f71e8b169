"""Downloads from a server that misbehaves: a wrong file never becomes a data set.

The server speaks TLS on this computer with a key made for these tests; nothing here needs a network.
"""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from conftest import Heirloom
from test_idx import idx, images, labels

import heirloom as package
from heirloom.data import DATA, fetching, load_data, published, roots
from heirloom.data.fetching import Watcher, fetch
from heirloom.data.published import NAMES, PublishedArchive, PublishedFile
from heirloom.errors import HeirloomError

KEY = Path(__file__).parent / "localhost_test_key.pem"
PLAIN = [idx(images(60)), idx(labels(60)), idx(images(20, 1)), idx(labels(20))]
PACKED = {f"{name}.gz": gzip.compress(plain) for name, plain in zip(NAMES, PLAIN, strict=True)}
FIRST = f"{NAMES[0]}.gz"
BODY = PACKED[FIRST]
FILES = tuple(
    PublishedFile(name, len(plain), hashlib.sha256(plain).hexdigest())
    for name, plain in zip(NAMES, PLAIN, strict=True)
)


class Answer(BaseHTTPRequestHandler):
    """Gives the files as it should, unless the test has something else for this request."""

    server: "Server"

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        special = self.server.special.get(self.path, self.server.special.get(name, []))
        with contextlib.suppress(OSError):  # the client may have heard enough
            (special.pop(0) if special else Answer.good)(self)

    def give(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self, cut: int | None = None) -> None:
        """The file, or the rest that was asked for; cut after so many of its bytes."""
        body, start = PACKED[self.path.rpartition("/")[2]], 0
        asked = self.headers.get("Range")
        if asked:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            self.give(b"", 416)
            return
        rest = body[start:]
        said = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if asked else {}
        self.give(
            rest if cut is None else rest[: max(cut - start, 0)], 206 if asked else 200, len(rest), **said
        )

    def log_message(self, *arguments: object) -> None:
        pass


Special = Callable[[Answer], None]


def cut(at: int) -> Special:
    return lambda answer: answer.good(at)


def gives(body: bytes, status: int = 200, **headers: str) -> Special:
    return lambda answer: answer.give(body, status, **headers)


def without_range(answer: Answer) -> None:
    answer.give(PACKED[answer.path.rpartition("/")[2]])


def endless(answer: Answer) -> None:
    answer.send_response(200)
    answer.end_headers()
    while True:
        answer.wfile.write(BODY * 50)


def silent(answer: Answer) -> None:
    answer.send_response(200)
    answer.end_headers()
    time.sleep(2)


def drop_by_drop(answer: Answer) -> None:
    answer.send_response(200)
    answer.end_headers()
    for byte in BODY:
        answer.wfile.write(bytes([byte]))
        answer.wfile.flush()
        time.sleep(0.02)


class Server(ThreadingHTTPServer):
    """Attributes: what was asked; for a name or path, what to answer to the next requests."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str]] = []
        self.special: dict[str, list[Special]] = {}
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if context else ''}://localhost:{self.server_address[1]}"

    def handle_error(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None) -> Iterator[Server]:
    server = Server(context)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(KEY)
    with serving(context) as server:
        yield server


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(published.FILES, "mnist", FILES)
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    monkeypatch.setattr(roots, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(roots, "_used", ())
    monkeypatch.delenv("HEIRLOOM_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


TRUST = ssl.create_default_context(cafile=str(KEY))


class Notes(Watcher):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done: dict[str, tuple[int, int | None]] = {}

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, file: str, done: int, total: int | None) -> None:
        self.done[file] = (done, total)


def get(root: Path, *mirrors: str, notes: Notes | None = None) -> Path:
    return fetch("mnist", root, mirrors=mirrors, context=TRUST, watcher=notes)


def complete(root: Path) -> None:
    """The data set is there, byte by byte, and nothing else."""
    folder = root / "mnist"
    assert sorted(path.name for path in folder.iterdir()) == sorted([*PACKED, "lock"])
    for name, plain in zip(NAMES, PLAIN, strict=True):
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == plain
    np.testing.assert_array_equal(
        load_data("mnist", [root]).split("train+val").images[:, 0].numpy(), images(60)
    )


def refused(root: Path, *mirrors: str) -> str:
    """Fetching fails, and what is there is no data set."""
    with pytest.raises(HeirloomError) as caught:
        get(root, *mirrors)
    assert (caught.value.code, caught.value.status) == ("E-fetch", 5)
    assert not (root / "mnist" / FIRST).exists()
    with pytest.raises(HeirloomError, match=r"no data set mnist here|mnist is not complete"):
        load_data("mnist", [root])
    return caught.value.why


def test_fetch_and_use(server: Server, tmp_path: Path) -> None:
    notes = Notes()
    assert get(tmp_path, server.url, notes=notes) == tmp_path / "mnist"
    complete(tmp_path)
    assert server.asked == [(f"/{name}", "") for name in PACKED]
    assert notes.notes == []
    assert notes.done == {name: (len(body), len(body)) for name, body in PACKED.items()}


def test_what_is_complete_is_checked_without_a_network(server: Server, tmp_path: Path) -> None:
    get(tmp_path, server.url)
    server.asked.clear()
    get(tmp_path)
    assert server.asked == []
    path = tmp_path / "mnist" / FIRST
    path.write_bytes(gzip.compress(PLAIN[0][:-1] + b"x"))
    with pytest.raises(HeirloomError) as caught:
        get(tmp_path, server.url)
    assert (caught.value.code, caught.value.where) == ("E-data-file", str(path))
    assert "its SHA-256 is" in caught.value.why
    assert caught.value.remedy == "move it away, then: heirloom fetch mnist"
    assert server.asked == []  # and it is not replaced
    with pytest.raises(HeirloomError, match=f"not the published {NAMES[0]} of mnist") as caught:
        load_data("mnist", [tmp_path])  # a wrong file of the right form is no data set
    assert (caught.value.code, caught.value.where) == ("E-data-file", str(path))


def test_only_what_is_missing_is_fetched(server: Server, tmp_path: Path) -> None:
    """Unpacked, or packed anew, is as good."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / NAMES[0]).write_bytes(PLAIN[0])
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(PLAIN[1], 1))
    get(tmp_path, server.url)
    assert [path for path, _ in server.asked] == [f"/{NAMES[2]}.gz", f"/{NAMES[3]}.gz"]
    assert len(load_data("mnist", [tmp_path]).split("test")) == 20


def test_checksums_of_packed_files(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = [hashlib.sha256(packed).hexdigest() for packed in PACKED.values()]
    files = tuple(PublishedFile(f.name, f.size, s, True) for f, s in zip(FILES, sums, strict=True))
    monkeypatch.setitem(published.FILES, "fashion_mnist", files)
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    (folder / NAMES[0]).write_bytes(PLAIN[0])  # nothing says whether it is right
    fetch("fashion_mnist", tmp_path, mirrors=[server.url], context=TRUST)
    assert len(server.asked) == 4
    (folder / FIRST).write_bytes(gzip.compress(PLAIN[0], 1))
    with pytest.raises(HeirloomError, match="not the published file of fashion_mnist"):
        fetch("fashion_mnist", tmp_path)


def test_the_checksums_are_of_the_published_files() -> None:
    for name in ("mnist", "fashion_mnist"):
        files = published.FILES[name]
        assert name == "mnist" or [f.size for f in files] == [47040016, 60008, 7840016, 10008]
        assert [f.name for f in files] == list(NAMES)
        assert len({f.sha256 for f in files}) == 4
        assert all(len(bytes.fromhex(f.sha256)) == 32 for f in files)
        assert all(mirror.startswith("https://") for mirror in published.MIRRORS[name])
    assert set(published.FILES) == set(published.MIRRORS) == {*DATA} - {"digits", "imagenet"}
    with pytest.raises(HeirloomError, match="imagenet is not downloaded by heirloom"):
        fetching.fetch("imagenet")
    for name in ("cifar10", "cifar100"):
        (archive,) = published.FILES[name]
        assert archive.sha256 == published.CIFAR_SUMS[f"{archive.name}.gz"]
        assert len(bytes.fromhex(archive.sha256)) == 32
        assert all(mirror.startswith("https://") for mirror in published.MIRRORS[name])


def test_an_archive_is_fetched_packed_and_never_unpacked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = PublishedArchive(NAMES[0], len(BODY), hashlib.sha256(BODY).hexdigest())
    monkeypatch.setitem(published.FILES, "cifar10", (file,))
    server.special[FIRST] = [cut(len(BODY) // 2)]
    folder = fetch("cifar10", tmp_path, mirrors=[server.url], context=TRUST)
    assert (folder / FIRST).read_bytes() == BODY
    assert sorted(path.name for path in folder.iterdir()) == ["lock", FIRST]
    asked = len(server.asked)
    fetch("cifar10", tmp_path, mirrors=[], context=TRUST)
    assert len(server.asked) == asked
    for bad, why in (
        (BODY[:-1], "bytes instead of"),
        (BODY + b"x", "more than"),
        (b"\0" * len(BODY), "its SHA-256 is"),
    ):
        (folder / FIRST).write_bytes(bad)
        with pytest.raises(HeirloomError, match=why):
            fetch("cifar10", tmp_path)


@pytest.mark.parametrize("at", [0, 1, 2, len(BODY) // 2, len(BODY) - 1])
def test_cut_and_resumed(server: Server, tmp_path: Path, at: int) -> None:
    server.special[FIRST] = [cut(at)]
    get(tmp_path, server.url)
    complete(tmp_path)
    assert server.asked[:2] == [(f"/{FIRST}", ""), (f"/{FIRST}", f"bytes={at}-" if at else "")]


def test_cut_again_and_again(server: Server, tmp_path: Path) -> None:
    server.special[FIRST] = [cut(10), cut(700), cut(700), cut(len(BODY) - 2)]
    get(tmp_path, server.url)
    complete(tmp_path)
    assert [asked for path, asked in server.asked if path == f"/{FIRST}"] == [
        "", "bytes=10-", "bytes=700-", "bytes=700-", f"bytes={len(BODY) - 2}-",
    ]  # fmt: skip


def test_always_cut_the_next_mirror_goes_on(server: Server, tmp_path: Path) -> None:
    server.special[f"/a/{FIRST}"] = [cut(100)] * 9
    notes = Notes()
    get(tmp_path, f"{server.url}/a", f"{server.url}/b", notes=notes)
    complete(tmp_path)
    assert (f"/b/{FIRST}", "bytes=100-") in server.asked
    (note,) = notes.notes
    assert f"cut after 100 of {len(BODY):,} bytes, 5 times: trying the next mirror" in note
    assert server.asked[-1] == (f"/b/{NAMES[3]}.gz", "")  # the mirror that works is asked first from then on


def test_a_server_that_knows_no_ranges(server: Server, tmp_path: Path) -> None:
    server.special[FIRST] = [cut(300), without_range]
    get(tmp_path, server.url)
    complete(tmp_path)
    assert len(server.asked) == 5


def test_a_range_that_was_not_asked_for(server: Server, tmp_path: Path) -> None:
    other = {"Content_Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"}
    server.special[f"/a/{FIRST}"] = [cut(300), gives(BODY, 206, **other)]
    get(tmp_path, f"{server.url}/a", f"{server.url}/b")
    complete(tmp_path)
    assert len(server.asked) == 6


@pytest.mark.parametrize("left", [b"\x1f\x8b of another file", BODY[:500] + b"?", BODY + b"more", BODY])
def test_what_is_left_of_an_earlier_time(server: Server, tmp_path: Path, left: bytes) -> None:
    part = tmp_path / "mnist" / f"{FIRST}.part"
    part.parent.mkdir()
    part.write_bytes(left)
    get(tmp_path, server.url)
    complete(tmp_path)


WRONG = {
    "another file": (gives(gzip.compress(PLAIN[2])), "bytes unpacked instead of"),
    "a changed byte": (gives(gzip.compress(PLAIN[0][:-1] + b"?")), "its SHA-256 is"),
    "a damaged byte": (gives(BODY[:400] + b"?" + BODY[401:]), "damaged|SHA-256"),
    "longer": (gives(BODY + gzip.compress(b"more")), "more than"),
    "short, and says so": (gives(BODY[:-20]), "its gzip stream is cut short"),
    "a web page": (gives(b"<!DOCTYPE html><title>404</title>"), "a web page instead of the file"),
    "plain": (gives(PLAIN[0]), "no gzip file"),
    "nothing": (gives(b""), "0 bytes unpacked"),
    "not found": (gives(b"gone", 404), "404 not found"),
    "forbidden": (gives(b"no", 403), "403 forbidden"),
    "partial unasked": (gives(BODY, 206), "did not ask for, 206"),
    "endless": (endless, "more than 66,272 bytes, an endless answer"),
    "huge": (lambda answer: answer.give(b"", length=10**12), r"1,000,000,000,000 bytes, at most"),
    "a bomb": (gives(gzip.compress(bytes(30_000_000), 9)), "more than 736 bytes unpacked instead of 736"),
    "redirects in a circle": (gives(b"", 302, Location=f"/{FIRST}"), "302, redirects that do not end"),
    "redirects nowhere": (gives(b"", 302), "302, redirects that do not end"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_answer_is_no_data_set_and_the_next_mirror_is(
    server: Server, tmp_path: Path, kind: str
) -> None:
    answer, words = WRONG[kind]
    server.special[f"/a/{FIRST}"] = [answer] * 3
    server.special[FIRST] = [answer] * 20
    why = refused(tmp_path / "one", f"{server.url}/a")
    assert re.search(words, why), why
    server.special = {f"/a/{FIRST}": [answer] * 3}
    get(tmp_path / "two", f"{server.url}/a", f"{server.url}/b")
    complete(tmp_path / "two")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_then_good(server: Server, tmp_path: Path, status: int) -> None:
    server.special[FIRST] = [gives(b"later", status)] * 2
    get(tmp_path, server.url)
    complete(tmp_path)
    server.special[FIRST] = [gives(b"later", status)] * 9
    assert f"{status} " in refused(tmp_path / "other", server.url)


def test_a_redirect_within_https(server: Server, tmp_path: Path) -> None:
    server.special[f"/a/{FIRST}"] = [cut(700), gives(b"", 302, Location=f"{server.url}/b/{FIRST}")]
    get(tmp_path, f"{server.url}/a")
    complete(tmp_path)
    assert (f"/b/{FIRST}", "bytes=700-") in server.asked


def test_plain_http_is_refused(server: Server, tmp_path: Path) -> None:
    with serving(None) as plain:
        assert "plain http is refused" in refused(tmp_path, plain.url)
        server.special[FIRST] = [gives(b"", 302, Location=f"{plain.url}/{FIRST}")]
        why = refused(tmp_path, server.url)
        assert f"redirects to {plain.url}/{FIRST}: plain http is refused" in why
        assert plain.asked == []
    for odd in ("file:///etc", "ftp://localhost/x", "data:,x"):
        assert "refused" in refused(tmp_path, odd)
        server.special[FIRST] = [gives(b"", 302, Location=odd)]
        refused(tmp_path, server.url)


def test_a_certificate_that_nobody_trusts(server: Server, tmp_path: Path) -> None:
    with pytest.raises(HeirloomError, match="certificate verify failed"):
        fetch("mnist", tmp_path, mirrors=[server.url])
    assert server.asked == []


def test_slow_and_silent(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 0.3)
    monkeypatch.setattr(fetching, "GRACE", 0.2)
    server.special[FIRST] = [silent]
    assert "no answer for 0.3 s" in refused(tmp_path, server.url)
    server.special[FIRST] = [drop_by_drop]
    assert "too slow" in refused(tmp_path, server.url)
    monkeypatch.undo()
    monkeypatch.setitem(published.FILES, "mnist", FILES)
    get(tmp_path, server.url)
    complete(tmp_path)


def test_dead_mirrors_first(server: Server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"https://localhost:{closed.getsockname()[1]}"
    notes = Notes()
    get(tmp_path, dead, "https://nowhere.invalid", "https://[bad", server.url, notes=notes)
    complete(tmp_path)
    assert len(notes.notes) == 3  # and only for the first file
    assert "connection refused: trying the next mirror" in notes.notes[0]


def test_nothing_reachable_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(HeirloomError) as caught:
        get(tmp_path, "https://nowhere.invalid")
    line = str(caught.value)
    assert "\n" not in line
    assert f"put into {tmp_path / 'mnist'}: " in line
    for file in FILES:
        assert f"{file.name}.gz ({file.size:,} bytes unpacked, SHA-256 unpacked {file.sha256})" in line
    with pytest.raises(HeirloomError, match="no mirrors"):
        get(tmp_path)


def test_what_cannot_be_fetched() -> None:
    with pytest.raises(HeirloomError, match="digits needs no download: it comes with scikit-learn"):
        fetch("digits")
    with pytest.raises(HeirloomError, match="unknown data set 'mnst': did you mean 'mnist'"):
        package.fetch("mnst")


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HeirloomError, match="E-output-unwritable"):
        get(tmp_path / "file", server.url)


# Processes of their own.

DRIVER = """
import json, ssl, sys
from heirloom.data import DATA, fetching, published
from heirloom.errors import HeirloomError
url, key, root, files = sys.argv[1:]
published.FILES["mnist"] = tuple(published.PublishedFile(*file) for file in json.loads(files))
class Lines(fetching.Watcher):
    def note(self, text): print(text, flush=True)
    def progress(self, file, done, total): print(file, done, flush=True)
try:
    trust = ssl.create_default_context(cafile=key)
    fetching.fetch("mnist", root, mirrors=[url], context=trust, watcher=Lines())
except HeirloomError as error:
    print(error)
    sys.exit(error.status)
"""


def start(server: Server, root: Path, limit: int | None = None) -> "subprocess.Popen[str]":
    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    files = json.dumps([[f.name, f.size, f.sha256] for f in FILES])
    command = [sys.executable, "-c", DRIVER, server.url, str(KEY), str(root), files]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=limited)


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    waits = threading.Event()

    def when_the_other_waits(answer: Answer) -> None:
        waits.wait(60)
        answer.good()

    said: list[str] = []

    def listen(process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "another process fetches into" in line:
                waits.set()

    server.special[FIRST] = [when_the_other_waits]
    both = [start(server, tmp_path), start(server, tmp_path)]
    listeners = [threading.Thread(target=listen, args=(process,)) for process in both]
    for thread in listeners:
        thread.start()
    for thread, process in zip(listeners, both, strict=True):
        with process:  # which closes its output
            thread.join(100)
    assert [process.returncode for process in both] == [0, 0]
    complete(tmp_path)
    assert sorted(path for path, _ in server.asked) == sorted(f"/{name}" for name in PACKED)
    assert sum("another process fetches into" in line for line in said) == 1


def test_killed_and_resumed(server: Server, tmp_path: Path) -> None:
    half = len(BODY) // 2

    def stops(answer: Answer) -> None:
        answer.good(half)
        time.sleep(10)

    server.special[FIRST] = [stops]
    process = start(server, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(FIRST)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [path.name for path in (tmp_path / "mnist").glob("train*")] == [f"{FIRST}.part"]
    get(tmp_path, server.url)
    complete(tmp_path)
    assert server.asked[1] == (f"/{FIRST}", f"bytes={half}-")


def test_a_full_disk(server: Server, tmp_path: Path) -> None:
    process = start(server, tmp_path, limit=500)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "cannot write: " in said
    assert "free some space, then fetch again: it goes on from here [E-disk]" in said
    assert not (tmp_path / "mnist" / FIRST).exists()
    get(tmp_path, server.url)
    complete(tmp_path)
    assert server.asked[-4] == (f"/{FIRST}", "bytes=500-")


def test_the_command(
    heirloom: Heirloom, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(published.MIRRORS, "mnist", ("https://nowhere.invalid", server.url))
    monkeypatch.setattr(ssl, "create_default_context", lambda: TRUST)
    done = heirloom("fetch", "mnist")
    assert (done.returncode, done.stdout) == (0, f"mnist, all files as published: {tmp_path}/cache/mnist\n")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"{FIRST}: https://nowhere.invalid: ")
    assert lines[1:] == [f"fetching {name}, {len(body):,} bytes" for name, body in PACKED.items()]
    complete(tmp_path / "cache")
    done = heirloom("fetch", "mnist", "--data-root", "new", "--quiet")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1  # the note
    complete(tmp_path / "new")
    monkeypatch.setitem(published.MIRRORS, "mnist", ())
    assert heirloom("fetch", "mnist").returncode == 0
    assert heirloom("fetch", "mnist", "--data-root", "other").returncode == 5
    assert heirloom("fetch", "digits").returncode == 2


def test_ctrl_c(heirloom: Heirloom, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(published.MIRRORS, "mnist", (server.url,))
    monkeypatch.setattr(ssl, "create_default_context", lambda: TRUST)
    server.special[FIRST] = [lambda answer: os.kill(os.getpid(), signal.SIGINT) or time.sleep(1)]  # type: ignore
    done = heirloom("fetch", "mnist")
    assert done.returncode == 130
    assert done.stderr == "stopped; to go on, give the same command again\n"


def test_bars_on_a_terminal(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from heirloom import progress

    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=90)
    monkeypatch.setattr(progress, "Console", lambda **options: terminal)
    monkeypatch.setenv("TERM", "xterm")
    mirrors = ["https://nowhere.invalid", server.url]
    with progress.downloads(False) as watcher:
        fetch("mnist", tmp_path, mirrors=mirrors, context=TRUST, watcher=watcher)
    assert FIRST in screen.getvalue()
    assert "trying the next mirror" in screen.getvalue()
