"""A picture asked of a server that cannot see, as a user meets it: against a real vLLM."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.cli.test_commands import modelmetry

SUITE = """\
# Does it see what it can read?
version: 1
tasks:
  seen:
    generator: clevr-hope
    scorer: choice
    splits: {minimal-iid: 4}
    prompts:
      first: {template: clevr-hope/FIRST}
      picture: {template: clevr-hope/picture}
"""


@pytest.mark.vllm
@pytest.mark.skipif("VLLM_BASE_URL" not in os.environ, reason="no server at VLLM_BASE_URL")
@pytest.mark.parametrize("first", ["picture", "list"])
def test_a_real_text_only_server_is_one_line(tmp_path: Path, first: str) -> None:
    """The check standard reads no pictures, and vLLM says so: one complaint, exit code 2.

    No run is left where nothing was answered, and what was answered in text is kept.
    """
    (tmp_path / "seen.yaml").write_text(SUITE.replace("FIRST", first))
    done = modelmetry(
        *("run", "seen.yaml", "--model", "vllm/check-standard"),
        cwd=tmp_path,
        VLLM_BASE_URL=os.environ["VLLM_BASE_URL"],
    )
    assert done.returncode == 2, done.stderr
    start, *kept, line = done.stderr.splitlines()
    assert start.startswith("seen seed-0-")
    assert line.startswith("modelmetry: vllm/check-standard at http")
    assert ": a picture was asked of a text-only model: " in line
    assert line.endswith("; allowed: a model that reads pictures, or prompts without them")
    assert len(kept) <= 3 * (first == "list"), kept
    assert "Traceback" not in done.stderr
    assert first == "list" or not list(tmp_path.glob("runs/*/run.json"))
