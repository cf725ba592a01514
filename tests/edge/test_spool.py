"""Uploads at rest: small ones in memory, large ones in a file without a name."""

import os
from pathlib import Path

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.edge.body import Budget
from headgate.edge.spool import PIECE_BYTES, Spool

MEMORY_BYTES = 1000
OPEN_FILES = Path("/proc/self/fd")


class Scene:
    """A spool, and what it took."""

    def __init__(self, disk_bytes: int = 10_000_000) -> None:
        self.disk = Budget(disk_bytes)
        self.disk_bytes = disk_bytes
        self.memory_taken = 0
        self.spool = Spool(MEMORY_BYTES, self._claim, self.disk)

    def _claim(self, size: int) -> None:
        self.memory_taken += size

    @property
    def disk_taken(self) -> int:
        return self.disk_bytes - self.disk.free_bytes


@pytest.mark.parametrize("size", [0, 1, MEMORY_BYTES, MEMORY_BYTES + 1, 3 * PIECE_BYTES + 7])
@pytest.mark.parametrize("step", [333, 100_000])
def test_what_was_written_is_read_back_as_often_as_asked(size: int, step: int) -> None:
    scene, data = Scene(), os.urandom(size)
    for start in range(0, size, step):
        scene.spool.write(memoryview(data)[start : start + step])
    assert scene.spool.size == size
    for _ in range(2):
        assert scene.spool.read(0, size) == data
        assert scene.spool.read(size // 3, size // 2) == data[size // 3 : size // 2]
        assert all(len(piece) <= PIECE_BYTES for piece in scene.spool.pieces(0, size))
    scene.spool.close()


def test_small_upload_touches_no_disk() -> None:
    scene = Scene()
    scene.spool.write(bytes(MEMORY_BYTES))
    assert (scene.memory_taken, scene.disk_taken) == (MEMORY_BYTES, 0)
    scene.spool.write(b"x")
    assert (scene.memory_taken, scene.disk_taken) == (MEMORY_BYTES, MEMORY_BYTES + 1)
    scene.spool.close()
    assert scene.disk_taken == 0


def test_file_lies_where_tmpdir_says_and_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scene = Scene()
    scene.spool.write(bytes(MEMORY_BYTES + 1))
    places = [str(path.readlink()) for path in OPEN_FILES.iterdir() if path.is_symlink()]
    assert any(place.startswith(str(tmp_path)) and "(deleted)" in place for place in places)
    assert list(tmp_path.iterdir()) == []
    scene.spool.close()


def test_common_disk_may_be_used_up() -> None:
    scene = Scene(disk_bytes=2000)
    with pytest.raises(RelayError) as caught:
        scene.spool.write(bytes(2001))
    assert (caught.value.failure.http_status, caught.value.failure.code) == (503, "server_busy")
    scene.spool.close()


def test_disk_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    scene = Scene()
    with pytest.raises(RelayError) as caught:
        scene.spool.write(bytes(MEMORY_BYTES + 1))
    failure = caught.value.failure
    assert (failure.http_status, failure.code) == (503, "upload_storage")
    assert failure.message == "The gateway cannot store the upload: No such file or directory."
    scene.spool.close()


@pytest.mark.parametrize("size", [10, MEMORY_BYTES + 1])
def test_closed_spool_gives_nothing(size: int) -> None:
    scene = Scene()
    scene.spool.write(bytes(size))
    scene.spool.close()
    scene.spool.close()
    with pytest.raises(RelayError) as caught:
        scene.spool.read(0, size)
    assert caught.value.failure.kind is FailureKind.INTERNAL
    with pytest.raises(RuntimeError):
        scene.spool.write(bytes(MEMORY_BYTES + 1))
