"""What the tests of publishing share: the real client turned to a local Hub, and a small edition."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from huggingface_hub import constants
from tests.hub.server import WRITER, Hub

from modelmetry.items import Seed
from modelmetry.suites import read, write


@contextmanager
def client(hub: Hub, home: Path, token: str | None = WRITER) -> Iterator[None]:
    """The Hub's real client in this process, turned to the local server and to a home of its own.

    Its constants are read when it is imported, which was before.
    """
    with (
        mock.patch.dict(os.environ, hub.environment(home, token)),
        mock.patch.multiple(
            constants,
            ENDPOINT=hub.url,
            HUGGINGFACE_CO_URL_TEMPLATE=f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
            HF_HUB_DISABLE_XET=True,
            HF_HUB_OFFLINE=False,
            HF_HUB_CACHE=str(home / "hub"),
            HF_TOKEN_PATH=str(home / "token"),
            HF_STORED_TOKENS_PATH=str(home / "stored_tokens"),
        ),
        mock.patch("huggingface_hub.utils.tqdm.are_progress_bars_disabled", return_value=True),
        mock.patch("huggingface_hub.utils._http.time.sleep"),  # a fault is tried again five times
    ):
        if token is None:
            os.environ.pop("HF_TOKEN", None)
            os.environ.pop("HUGGING_FACE_HUB_TOKEN", None)
        yield


def edition(out: Path, *, seed: int = 7, suite: str = "addition", limit: int = 3) -> Path:
    """A small edition; the same call finds it again."""
    found = sorted(out.glob(f"{suite}-seed-{seed}-*"))
    return found[0] if found else write(out, read(suite), Seed(root=seed), limit=limit).folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Relative path -> bytes of every file in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
