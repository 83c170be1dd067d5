"""Fixtures of the tests of publishing: a fresh local Hub, and editions made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.published import client, edition
from tests.hub.server import Hub


@pytest.fixture(scope="session")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two editions of one suite and one of another."""
    out = tmp_path_factory.mktemp("editions")
    edition(out)
    edition(out, seed=8, limit=2)
    edition(out, seed=7, suite="calendar", limit=2)
    return out


@pytest.fixture
def made(editions: Path) -> Path:
    """An edition of `addition`."""
    return edition(editions)


@pytest.fixture
def later(editions: Path) -> Path:
    """Another edition of `addition`."""
    return edition(editions, seed=8)


@pytest.fixture
def other(editions: Path) -> Path:
    """An edition of `calendar`."""
    return edition(editions, suite="calendar")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A fresh Hub to which this process may write under `lab/`."""
    with Hub() as served, client(served, tmp_path / "home"):
        yield served


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The Hub's own client sends files in a way that its own transport calls outdated."""
    outdated = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(outdated)
