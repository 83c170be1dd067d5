"""Seeds from a secret: what anyone with it can repeat, and nobody else can guess."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.nightly.job import Secret
from modelmetry.nightly.seeds import fresh_seed, read_secret

KEY = b"0123456789abcdef"


def _slow(key: bytes, message: bytes) -> int:
    """HMAC by its definition in RFC 2104, section 2."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()
    return int(outer[:32], 16)


@given(st.binary(min_size=16, max_size=64), st.text(max_size=20), st.dates())
def test_the_seed_is_the_first_half_of_the_hmac(key: bytes, suite: str, date: object) -> None:
    """The seed is the HMAC of suite and date by its definition, cut to 128 bits."""
    assert fresh_seed(key, suite, str(date)) == _slow(key, f"{suite}|{date}".encode())


def test_secret_suite_and_date_each_make_another_seed() -> None:
    """No two of them share a seed, and each is a number of 128 bits."""
    seeds = {
        fresh_seed(key, suite, date)
        for key in (KEY, KEY[::-1])
        for suite in ("a", "b")
        for date in ("2026-01-01", "2026-01-02", "anchors")
    }
    assert len(seeds) == 12
    assert max(seeds) < 2**128
    assert max(seeds) > 2**120


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_the_command_in_the_docstring_gives_the_seed() -> None:
    """Anyone with the secret repeats the seed with openssl alone."""
    command = ["openssl", "dgst", "-sha256", "-hmac", KEY.decode()]
    said = subprocess.run(command, input=b"a|2026-01-01", capture_output=True, check=True).stdout
    digits = said.decode().split()[-1][:32]
    assert fresh_seed(KEY, "a", "2026-01-01") == int(digits, 16)


def test_a_secret_is_read_from_where_it_is_said_to_be(tmp_path: Path) -> None:
    """From a variable or a file; white space around it does not count."""
    (tmp_path / "s").write_text(f"  {KEY.decode()}\n")
    assert read_secret(Secret(file="s"), tmp_path) == KEY
    assert read_secret(Secret(env="S"), tmp_path, {"S": KEY.decode() + "\n"}) == KEY


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (None, "none is named"),
        (Secret(env="S"), "the environment variable S is not set"),
        (Secret(file="gone"), "gone: no such file"),
        (Secret(file="short"), "holds 7 bytes; allowed: from 16"),
        (Secret(file="odd"), "not UTF-8 text"),
    ],
)
def test_without_a_secret_the_line_says_what_to_do(
    tmp_path: Path, where: Secret | None, said: str
) -> None:
    """One line names the place and how to make a secret, and never shows any of it."""
    (tmp_path / "short").write_text("hunter2")
    (tmp_path / "odd").write_bytes(b"\xff\xfehunter2" * 8)
    with pytest.raises(BadInput) as error:
        read_secret(where, tmp_path, {})
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)
