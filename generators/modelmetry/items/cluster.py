"""Ray: a cluster that this process is connected to, or one started for the time being."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from modelmetry.errors import BadInput

Executor = Literal["local", "ray"]
"""Where work is done: in this process, or by the workers of Ray."""


@contextmanager
def connected() -> Iterator[Any]:
    """The module `ray`, connected.

    A cluster that this process is connected to is used, or the one at `RAY_ADDRESS`; otherwise Ray is
    started on this machine, without dashboard or usage statistics, and stopped afterward.

    Raises:
        BadInput: It is not installed, or there is no cluster at `RAY_ADDRESS`.
    """
    # What is told to nobody must be said before Ray is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise BadInput(
            "executor ray: ray is not installed; allowed: the executor local, or "
            'pip install "modelmetry[ray]"'
        ) from None
    mine = not ray.is_initialized()
    if mine:
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
        except ConnectionError as error:
            where = os.environ.get("RAY_ADDRESS", "here")
            raise BadInput(f"executor ray: no cluster at {where}: {error}") from None
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()
