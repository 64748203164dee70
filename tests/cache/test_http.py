"""pip's HTTP cache on disk: what is found, stored, refreshed and removed, on real files."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import NOW
from wheelwarm.cache.entries import FAN_OUT
from wheelwarm.cache.format import dumps, entry_path, key
from wheelwarm.cache.http import TEMPORARY_SUFFIX, HttpCache
from wheelwarm.errors import CacheError
from wheelwarm.model import HIT, Layout, Outcome, Reason, StoredResponse, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wheelwarm.cache.http import Lookup

URL = "https://files.example/demo-1.0-py3-none-any.whl"
BODY = b"wheel" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()
HEADERS = {
    "Date": formatdate(NOW, usegmt=True),
    "Cache-Control": "max-age=600",
    "ETag": '"e"',
    "Content-Length": str(len(BODY)),
}
RESPONSE = StoredResponse(status=200, headers=HEADERS)
# Now and then, for as long as it runs: one folder after the other, the deepest first.
REMOVE_EMPTY = """
import os, sys, time
while True:
    time.sleep(0.002)
    for folder in sys.argv[1:]:
        try:
            os.rmdir(folder)
        except OSError:
            pass
"""


@pytest.fixture(params=list(Layout))
def layout(request: pytest.FixtureRequest) -> Layout:
    """Run a test with each of pip's two layouts."""
    return Layout(request.param)


@pytest.fixture
def cache(tmp_path: Path, layout: Layout) -> HttpCache:
    """Return an empty cache."""
    return HttpCache(tmp_path / "pip", layout=layout, inherits_permissions=True)


def store(cache: HttpCache, url: str = URL, response: StoredResponse = RESPONSE, body: bytes = BODY) -> Lookup:
    """Store a response with a body and look it up again."""
    file = cache.new_body()
    file.write_bytes(body)
    cache.store(url, response, file)
    return look_up(cache, url)


def look_up(cache: HttpCache, url: str = URL, sha256: str | None = None) -> Lookup:
    """Look a URL up one minute after it was stored."""
    return cache.lookup(url, {}, now=NOW + 60, sha256=sha256)


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every regular file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def miss(reason: Reason) -> Verdict:
    """Return the verdict of a miss."""
    return Verdict(Outcome.MISS, reason)


def test_what_is_stored_is_a_hit(cache: HttpCache) -> None:
    """A stored response is found again with its body, its digest and its headers, and leaves no temporary file."""
    store(cache)
    found = look_up(cache, sha256=SHA256)
    assert found.verdict == HIT
    assert found.stored == RESPONSE
    assert (found.sha256, found.entry.size) == (SHA256, len(BODY))
    assert cache.read_body(found) == BODY
    assert cache.digest(found) == cache.digest(look_up(cache)) == SHA256
    assert cache.keys() == {key(URL)}
    assert not list(cache.root.rglob(f"*{TEMPORARY_SUFFIX}"))


def test_an_entry_of_the_old_layout_is_one_file_as_pip_writes_it(tmp_path: Path) -> None:
    """In `http` the file is CacheControl's serialisation with the body inside; in `http-v2` there are two files."""
    for layout, expected in (
        (Layout.HTTP, {"": dumps(StoredResponse(status=200, headers=HEADERS, body=BODY))}),
        (Layout.HTTP_V2, {"": dumps(RESPONSE), ".body": BODY}),
    ):
        cache = HttpCache(tmp_path, layout=layout, inherits_permissions=False)
        store(cache)
        name = str(entry_path(key(URL)))
        assert files_below(tmp_path / layout.value) == {name + suffix: data for suffix, data in expected.items()}


def test_nothing_stored_is_absent(cache: HttpCache) -> None:
    """An empty cache, or one that does not exist, misses everything and has no keys."""
    assert look_up(cache).verdict == miss(Reason.ABSENT)
    assert cache.keys() == set()


def test_the_other_layout_is_another_cache(cache: HttpCache, layout: Layout) -> None:
    """What one layout holds, a pip of the other does not see."""
    store(cache)
    (other,) = set(Layout) - {layout}
    neighbour = HttpCache(cache.root, layout=other, inherits_permissions=True)
    assert look_up(neighbour).verdict == miss(Reason.ABSENT)


def test_age_is_judged(cache: HttpCache) -> None:
    """An entry past its lifetime is stale, and still shown, so that it can be revalidated."""
    store(cache)
    found = cache.lookup(URL, {}, now=NOW + 600)
    assert found.verdict == Verdict(Outcome.STALE, Reason.EXPIRED)
    assert found.stored is not None


def test_a_body_alone_or_metadata_alone_is_no_entry(tmp_path: Path) -> None:
    """Pip 23.3 and later use an entry only when both files are there."""
    cache = HttpCache(tmp_path, layout=Layout.HTTP_V2, inherits_permissions=True)
    found = store(cache)
    found.body_path.unlink()
    assert look_up(cache).verdict == miss(Reason.BODY_MISSING)
    assert cache.keys() == set()
    found.body_path.write_bytes(BODY)
    found.entry.metadata_path.unlink()
    assert look_up(cache).verdict == miss(Reason.ABSENT)
    assert cache.keys() == set()


def test_a_changed_byte_is_a_hash_mismatch(cache: HttpCache) -> None:
    """A body of the right length with another hash is found out when the hash is known, fresh or stale."""
    store(cache, body=BODY[:-1] + b"!")
    found = look_up(cache, sha256=SHA256)
    assert found.verdict == miss(Reason.HASH_MISMATCH)
    assert found.sha256 == hashlib.sha256(BODY[:-1] + b"!").hexdigest()
    assert cache.lookup(URL, {}, now=NOW + 999, sha256=SHA256).verdict == miss(Reason.HASH_MISMATCH)
    assert look_up(cache).verdict == HIT


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"!"])
def test_a_body_of_another_length_is_truncated(cache: HttpCache, body: bytes) -> None:
    """A body that is not as long as its Content-Length is no hit, hash or none."""
    assert store(cache, body=body).verdict == miss(Reason.TRUNCATED)


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"transfer-encoding": "chunked"}, {"Content-Length": "many"}]
)
def test_a_length_that_is_not_the_bodys_is_not_compared(cache: HttpCache, headers: dict[str, str]) -> None:
    """With an encoding, or a Content-Length that is no number, the length tells nothing."""
    assert store(cache, response=StoredResponse(status=200, headers=HEADERS | headers), body=b"short").verdict == HIT


def test_a_remembered_digest_saves_reading(cache: HttpCache) -> None:
    """A digest remembered for the very file is taken; where nothing is remembered the body is read."""
    store(cache)
    asked: list[tuple[str, int]] = []

    def verified(path: str, state: os.stat_result) -> str:
        asked.append((path, state.st_ino))
        return "remembered"

    found = cache.lookup(URL, {}, now=NOW, sha256="remembered", verified=verified)
    assert (found.verdict, found.sha256) == (HIT, "remembered")
    assert asked == [(str(found.body_path), found.body_path.stat().st_ino)]
    assert cache.lookup(URL, {}, now=NOW, sha256=SHA256, verified=lambda *_: None).verdict == HIT


def test_permanent_redirects_are_followed_through_the_cache(cache: HttpCache) -> None:
    """The verdict behind a redirect is its target's, whose body is checked; a target that is no hit is not shown."""
    first, second = "https://files.example/a", "https://files.example/b"
    store(cache, first, StoredResponse(status=301, headers={"Location": "/b", "Content-Length": "9"}), b"")
    assert look_up(cache, first).verdict == miss(Reason.ABSENT)
    store(cache, second, StoredResponse(status=308, headers={"location": URL}), b"")
    store(cache)
    found = look_up(cache, first, SHA256)
    assert (found.verdict, found.url, found.sha256) == (HIT, URL, SHA256)
    expired = cache.lookup(first, {}, now=NOW + 999)
    assert (expired.verdict, expired.stored) == (Verdict(Outcome.STALE, Reason.EXPIRED), None)


@pytest.mark.parametrize("location", ["https://files.example/a", None, "ftp://files.example/", "https://[", "//["])
def test_a_redirect_that_leads_nowhere_is_unreadable(cache: HttpCache, location: str | None) -> None:
    """Loops, missing and impossible targets end in a miss, not in an error."""
    headers = {} if location is None else {"Location": location}
    store(cache, "https://files.example/a", StoredResponse(status=301, headers=headers), b"")
    assert look_up(cache, "https://files.example/a").verdict == miss(Reason.UNREADABLE)


def plant_directory(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.mkdir()


def plant_pipe(path: Path) -> None:
    """Put a named pipe in the place of a file, which blocks whoever opens it."""
    os.mkfifo(path)


def plant_link(path: Path) -> None:
    """Put a link to a readable file in the place of a file."""
    path.symlink_to(__file__)


def plant_dangling_link(path: Path) -> None:
    """Put a link to nothing in the place of a file."""
    path.symlink_to("nowhere")


PLANTS = [plant_directory, plant_pipe, plant_link, plant_dangling_link]


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("part", ["metadata", "body"])
def test_what_is_no_regular_file_is_unreadable(cache: HttpCache, plant: object, part: str) -> None:
    """Folders, pipes and links in the place of files are a miss: nothing is followed, opened or waited for."""
    found = store(cache)
    path = found.entry.metadata_path if part == "metadata" else found.body_path
    path.unlink()
    assert callable(plant)
    plant(path)
    assert look_up(cache, sha256=SHA256).verdict == miss(Reason.UNREADABLE)
    cache.keys()


def test_a_folder_that_leads_out_is_not_followed(cache: HttpCache, tmp_path: Path) -> None:
    """An entry below a linked folder is unreadable, is not written, and its removal removes nothing."""
    found = store(cache)
    folder = found.entry.metadata_path.parents[2]
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    before = files_below(tmp_path / "elsewhere")
    assert look_up(cache).verdict == miss(Reason.UNREADABLE)
    assert cache.keys() == set()
    assert cache.remove(key(URL)) == 0
    with pytest.raises(CacheError, match="symbolic link"):
        store(cache)
    assert files_below(tmp_path / "elsewhere") == before


def test_a_file_in_the_place_of_a_folder_is_absent(cache: HttpCache) -> None:
    """Where a fan-out folder should be there may be anything; pip finds nothing below it, and neither do we."""
    cache.section.mkdir(parents=True)
    (cache.section / key(URL)[0]).write_bytes(b"")
    assert look_up(cache).verdict == miss(Reason.ABSENT)
    assert cache.remove(key(URL)) == 0
    with pytest.raises(CacheError, match="cannot be written"):
        store(cache)
    assert [path.name for path in cache.section.iterdir()] == [key(URL)[0]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_damage_is_a_verdict(cache: HttpCache, data: st.DataObject) -> None:
    """Whatever bytes stand in an entry's file, looking it up ends in a verdict; none is a hit with another body."""
    found = store(cache)
    path = found.entry.metadata_path
    whole = path.read_bytes()
    start = data.draw(st.integers(0, min(len(whole), 400)))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=8)) + whole[start + data.draw(st.integers(0, 8)) :])
    found = look_up(cache, sha256=SHA256)
    assert found.verdict.outcome in Outcome
    assert found.verdict != HIT or cache.read_body(found) == BODY


def test_metadata_beyond_all_headers_is_not_read(cache: HttpCache) -> None:
    """Gigabytes in the place of metadata are refused unread."""
    path = store(cache).entry.metadata_path
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)
    assert look_up(cache).verdict == miss(Reason.UNREADABLE)


def test_an_embedded_body_in_another_place_is_found(tmp_path: Path) -> None:
    """Old interpreters packed the members in any order; such an entry is read whole, and its body is still found."""
    cache = HttpCache(tmp_path, layout=Layout.HTTP, inherits_permissions=False)
    found = store(cache)
    entry = found.entry.metadata_path.read_bytes()
    body = b"\xa4body\xc5" + len(BODY).to_bytes(2, "big") + BODY
    assert body in entry
    member = b"\xa6status\xcc\xc8"
    moved = entry.replace(body, b"").replace(member, member + body)
    found.entry.metadata_path.write_bytes(moved)
    found = look_up(cache, sha256=SHA256)
    assert (found.verdict, found.stored) == (HIT, RESPONSE)
    assert cache.read_body(found) == BODY


def test_unreadable_files_are_a_miss(cache: HttpCache) -> None:
    """A file that this user may not read is unreadable, as it is for pip."""
    found = store(cache)
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    for path in {found.entry.metadata_path, found.body_path}:
        path.chmod(0)
        assert look_up(cache, sha256=SHA256).verdict == miss(Reason.UNREADABLE)
        path.chmod(0o600)


def test_reading_what_is_gone_is_a_cache_error(cache: HttpCache) -> None:
    """A body that another process removed after the look-up is an error with a sentence."""
    found = store(cache)
    cache.remove(key(URL))
    with pytest.raises(CacheError, match="cannot be read"):
        cache.read_body(found)
    with pytest.raises(CacheError, match="cannot be read"):
        cache.digest(found)


def test_storing_again_replaces(cache: HttpCache) -> None:
    """A second response for the URL takes the first one's place whole."""
    store(cache, body=BODY[::-1])
    store(cache)
    assert look_up(cache, sha256=SHA256).verdict == HIT
    assert len(files_below(cache.root)) == (1 if cache.layout is Layout.HTTP else 2)


def test_a_body_is_moved_on_its_file_system(tmp_path: Path) -> None:
    """The very file that was fetched into becomes the body; nothing is copied."""
    cache = HttpCache(tmp_path, layout=Layout.HTTP_V2, inherits_permissions=True)
    file = cache.new_body()
    file.write_bytes(BODY)
    inode = file.stat().st_ino
    cache.store(URL, RESPONSE, file)
    assert look_up(cache).body_path.stat().st_ino == inode
    assert not file.exists()


def test_a_body_is_copied_from_another_file_system(cache: HttpCache) -> None:
    """A body that cannot be moved is copied, and gone from where it was."""
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == cache.root.parent.stat().st_dev:
        pytest.skip("there is no second file system")
    file = elsewhere / f"wheelwarm-test-{os.getpid()}"
    file.write_bytes(BODY)
    cache.store(URL, RESPONSE, file)
    assert look_up(cache, sha256=SHA256).verdict == HIT
    assert not file.exists()


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let every write beyond `size` bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failed_write_leaves_nothing(cache: HttpCache) -> None:
    """When the disk takes no more, what was there stays as it was, nothing half is left, and the error says so."""
    store(cache, response=StoredResponse(status=200, headers=HEADERS | {"X": "old"}))
    before = files_below(cache.root)
    file = cache.new_body()
    file.write_bytes(BODY)
    response = StoredResponse(status=200, headers=HEADERS | {"X": "new" * 2000})
    with files_no_larger_than(100), pytest.raises(CacheError, match="cannot be written: File too large") as caught:
        cache.store(URL, response, file)
    assert caught.value.hint
    assert files_below(cache.root) == before
    with files_no_larger_than(100), pytest.raises(CacheError):
        cache.refresh(URL, response)
    assert files_below(cache.root) == before


@pytest.mark.parametrize("replacements", [0, 1])
def test_an_interrupted_store_leaves_no_torn_entry(
    cache: HttpCache, monkeypatch: pytest.MonkeyPatch, replacements: int
) -> None:
    """Whenever the person interrupts, an older body never meets newer metadata, and no file is left over."""
    store(cache, body=BODY[::-1])
    really_replace = os.replace
    left = [replacements]

    def replace_or_interrupt(file: str, target: str) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        really_replace(file, target)

    monkeypatch.setattr(os, "replace", replace_or_interrupt)
    if cache.layout is Layout.HTTP and replacements:
        pytest.skip("there is one replacement only")
    with pytest.raises(KeyboardInterrupt):
        store(cache)
    kept = {BODY[::-1]} if cache.layout is Layout.HTTP else set()
    found = look_up(cache)
    assert ({cache.read_body(found)} if found.verdict == HIT else set()) == kept
    assert not list(cache.root.rglob(f"*{TEMPORARY_SUFFIX}"))


def test_a_cache_that_cannot_be_made_is_an_error(tmp_path: Path, layout: Layout) -> None:
    """A file in the place of the cache directory is refused with a sentence that names it."""
    (tmp_path / "pip").write_bytes(b"")
    cache = HttpCache(tmp_path / "pip", layout=layout, inherits_permissions=True)
    with pytest.raises(CacheError, match=f"The cache {tmp_path / 'pip'} cannot be written: Not a directory") as caught:
        cache.new_body()
    assert "pip cache dir" in caught.value.hint


def test_the_old_layout_refuses_what_its_format_cannot_hold(tmp_path: Path) -> None:
    """Four gigabytes are more than pip before 23.3 could ever read back."""
    cache = HttpCache(tmp_path, layout=Layout.HTTP, inherits_permissions=False)
    file = cache.new_body()
    os.truncate(file, 2**32)
    with pytest.raises(CacheError, match="4294967296 bytes"):
        cache.store(URL, RESPONSE, file)
    assert files_below(tmp_path) == {}


def test_refresh_changes_all_but_the_body(cache: HttpCache) -> None:
    """After a refresh the entry has the new headers and the same body; without an entry there is nothing to refresh."""
    later = StoredResponse(status=200, headers=HEADERS | {"Date": formatdate(NOW + 500, usegmt=True)})
    assert not cache.refresh(URL, later)
    state = store(cache).body_stat
    assert cache.refresh(URL, later)
    found = cache.lookup(URL, {}, now=NOW + 1000, sha256=SHA256)
    assert (found.verdict, found.stored) == (HIT, later)
    assert state is not None
    assert found.body_stat is not None
    assert (found.body_stat.st_ino == state.st_ino) == (cache.layout is Layout.HTTP_V2)


def test_remove_takes_the_entry_and_its_empty_folders(cache: HttpCache) -> None:
    """Both files go, and the folders that they alone had filled; a second removal finds nothing."""
    store(cache)
    neighbour = cache.section / key(URL)[0] / "neighbour"
    neighbour.write_bytes(b"")
    assert cache.remove(key(URL)) == (1 if cache.layout is Layout.HTTP else 2)
    assert [path.name for path in cache.section.rglob("*")] == [key(URL)[0], "neighbour"]
    assert cache.remove(key(URL)) == 0
    neighbour.unlink()
    neighbour.parent.rmdir()


def test_remove_unlinks_links(cache: HttpCache, tmp_path: Path) -> None:
    """A link in the place of a file is removed; what it points to stays."""
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    path = store(cache).entry.metadata_path
    path.unlink()
    path.symlink_to(target)
    cache.remove(key(URL))
    assert target.read_bytes() == b"mine"
    assert not path.is_symlink()


def test_remove_says_what_will_not_go(cache: HttpCache) -> None:
    """A folder in the place of the metadata is not a file to remove."""
    path = store(cache).entry.metadata_path
    path.unlink()
    path.mkdir()
    with pytest.raises(CacheError, match="cannot be written"):
        cache.remove(key(URL))


def test_keys_passes_by_what_is_not_pips(cache: HttpCache) -> None:
    """Stray files, temporary files and loops of links at any level are no keys."""
    path = store(cache).entry.metadata_path
    for folder in [cache.section, *path.parents[:5]]:
        (folder / "0").write_bytes(b"") if not (folder / "0").exists() else None
        (folder / ".DS_Store").write_bytes(b"")
        (folder / f"{key(URL)}abcd{TEMPORARY_SUFFIX}").write_bytes(b"")
        (folder / "loop").symlink_to(cache.section)
    assert cache.keys() == {key(URL)}


def test_errno_of_a_full_disk_has_its_own_hint(cache: HttpCache) -> None:
    """The full disk, the commonest failure, is told apart: the way out is to free some space."""
    with pytest.raises(CacheError) as caught, cache._writing():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "wheelwarm prune" in caught.value.hint


def test_another_process_may_remove_empty_folders_meanwhile(cache: HttpCache) -> None:
    """As a prune does, and at any moment: between two folders that are being made, or before the first file in them."""
    folders = list(Path(cache.place(key(URL))).parents)[:FAN_OUT]
    store(cache)

    with subprocess.Popen([sys.executable, "-c", REMOVE_EMPTY, *map(str, folders)]) as prune:
        try:
            for _ in range(300):
                cache.remove(key(URL))
                assert store(cache).verdict == HIT
        finally:
            prune.kill()
