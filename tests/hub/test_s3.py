"""Publishing into a real S3 server of this machine, through s3fs: whole, gone on with, refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hub.published import files_of

from modelmetry import api
from modelmetry.errors import BadInput, Unreachable

pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("default")]

KEY = "an-access-key-that-is-secret"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server; its address."""
    moto = pytest.importorskip("moto.server")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def files(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client's file system on it, with an empty bucket `lab`."""
    s3fs = pytest.importorskip("s3fs")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    made = s3fs.S3FileSystem()
    if made.exists("lab"):
        made.rm("lab", recursive=True)
    made.mkdir("lab")
    return made


def there(files: Any, folder: Path) -> dict[str, bytes]:
    """Path -> bytes of what is in the bucket under an edition's name."""
    files.invalidate_cache()
    root = f"lab/editions/{folder.name}"
    return {path.removeprefix(f"{root}/"): files.cat(path) for path in files.find(root)}


def test_an_edition_arrives_whole(made: Path, files: Any) -> None:
    """Every byte; the second time nothing is written; a dry run writes nothing."""
    assert not api.publish(made, to="s3://lab/editions", dry_run=True).sent
    assert there(files, made) == {}
    assert api.publish(made, to="s3://lab/editions").sent
    assert there(files, made) == files_of(made)
    again = api.publish(made, to="s3://lab/editions")
    assert (again.complete, again.sent) == (True, False)


def test_a_push_that_breaks_has_no_manifest_and_goes_on(
    made: Path, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrived is not sent again."""
    put, sent = type(files)._put_file, []
    lasts = [3]

    async def breaking(self: Any, local: str, remote: str, **options: Any) -> None:
        if len(sent) in lasts:
            raise ConnectionResetError("cut")
        await put(self, local, remote, **options)
        sent.append(remote)

    monkeypatch.setattr(type(files), "_put_file", breaking)
    type(files).clear_instance_cache()  # an instance keeps the methods that it was made with
    with pytest.raises(Unreachable, match="no list of files yet"):
        api.publish(made, to="s3://lab/editions")
    assert len(there(files, made)) == 3
    assert "edition.json" not in there(files, made)
    first, sent[:], lasts[:] = list(sent), [], []
    api.publish(made, to="s3://lab/editions")
    assert len(first) + len(sent) == len(files_of(made))
    assert not {*first} & {*sent}
    assert there(files, made) == files_of(made)


def test_what_goes_wrong_is_one_line(
    made: Path, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such bucket, other content, no server: no secret in any line."""
    with pytest.raises(BadInput, match=r"s3://nowhere-at-all/x.*(not exist|404)") as caught:
        api.publish(made, to="s3://nowhere-at-all/x")
    assert KEY not in str(caught.value)
    files.pipe_file(f"lab/editions/{made.name}/edition.json", b"{}")
    with pytest.raises(BadInput, match="is there with other content"):
        api.publish(made, to="s3://lab/editions")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    type(files).clear_instance_cache()
    with pytest.raises(Unreachable, match="cannot be reached") as caught:
        api.publish(made, to="s3://lab/editions")
    assert KEY not in str(caught.value)
