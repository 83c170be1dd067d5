"""Commitments: any change changes the hash, the hash hides, and anybody can recompute it."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.hub import commitments as module
from modelmetry.hub.commitments import Sealed, hash_of, text_of
from modelmetry.suites import read

WORDS = st.text(min_size=1, max_size=8)
SEALED = st.builds(
    Sealed,
    suite=WORDS,
    version=st.integers(1, 99),
    limit=st.none() | st.integers(1, 10**6),
    generators=st.dictionaries(WORDS, WORDS, min_size=1, max_size=3),
    suite_hash=WORDS,
)
SEEDS = st.integers(0, 2**130)
NONCES = st.binary(min_size=32, max_size=32).map(bytes.hex)
DATES = st.sampled_from(["", "2026-01-31", "2026-02-01"])


@given(SEALED, SEALED, SEEDS, SEEDS, NONCES, NONCES, DATES, DATES)
def test_the_hash_is_of_all_of_it(
    a: Sealed, b: Sealed, s: int, t: int, m: str, n: str, d: str, e: str
) -> None:
    """Two texts are the same only where suite, version, limit, fingerprints, seed, nonce and date are."""
    one, other = text_of(a, d, s, m), text_of(b, e, t, n)
    same = (a, d, s, m) == (b, e, t, n)
    assert (hash_of(one) == hash_of(other)) == same


@given(SEALED, SEEDS, NONCES, DATES, st.data())
def test_each_single_change_changes_the_hash(
    what: Sealed, seed: int, nonce: str, date: str, data: st.DataObject
) -> None:
    """Each of what is committed to, changed alone."""
    before = hash_of(text_of(what, date, seed, nonce))
    task = data.draw(st.sampled_from(sorted(what.generators)))
    other = {**what.generators, task: what.generators[task] + "0"}
    changed = [
        (replace(what, suite=what.suite + "x"), date, seed, nonce),
        (replace(what, version=what.version + 1), date, seed, nonce),
        (replace(what, limit=(what.limit or 0) + 1), date, seed, nonce),
        (replace(what, limit=None if what.limit else 5), date, seed, nonce),
        (replace(what, generators=other), date, seed, nonce),
        (replace(what, suite_hash=what.suite_hash + "0"), date, seed, nonce),
        (what, f"{date}1", seed, nonce),
        (what, date, seed + 1, nonce),
        (what, date, seed, nonce[:-1] + ("0" if nonce[-1] != "0" else "1")),
    ]
    assert before not in {hash_of(text_of(w, d, s, n)) for w, d, s, n in changed}


@given(SEALED, SEEDS)
def test_the_hash_hides(what: Sealed, seed: int) -> None:
    """The same seed twice gives unrelated hashes, as its nonces differ."""
    one, other = (hash_of(text_of(what, "", seed, module.fresh_nonce())) for _ in range(2))
    assert one != other
    # Unrelated: of 64 hex digits some 4 agree by chance.
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 20


@given(SEALED, SEEDS, NONCES)
def test_the_text_is_read_back_by_any_json_reader(what: Sealed, seed: int, nonce: str) -> None:
    """Sorted keys, no spaces, and digits as text, so that no reader rounds the seed."""
    text = text_of(what, "2026-01-31", seed, nonce)
    found = json.loads(text)
    assert (found["seed"], found["nonce"], found["limit"]) == (str(seed), nonce, what.limit)
    assert found["about"] == module.ABOUT
    assert json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text


def test_seeds_that_are_drawn_cannot_be_guessed() -> None:
    """128 random bits under a leading one, each another; nonces of 256."""
    seeds = [module.fresh_seed() for _ in range(200)]
    assert {seed.bit_length() for seed in seeds} == {129}
    assert len({*seeds}) == 200
    for bit in range(128):
        assert 60 < sum(seed >> bit & 1 for seed in seeds) < 140
    assert len({module.fresh_nonce() for _ in range(50)}) == 50
    assert len(bytes.fromhex(module.fresh_nonce())) == 32


def made(seed: int = 2**100) -> tuple[module.Commitment, module.Secret]:
    """A commitment to one suite."""
    return module.commit(
        [read("addition")],
        {"addition": seed},
        {"addition": "ab" * 32},
        limit=3,
        date="",
        harness_version="1",
    )


def test_sha256sum_says_the_same(tmp_path: Path) -> None:
    """The hash is recomputed without this package."""
    commitment, secret = made()
    (tmp_path / "text").write_text(secret.suites[0].text, encoding="utf-8")
    said = subprocess.run(
        [shutil.which("sha256sum") or "", str(tmp_path / "text")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split()[0] == commitment.suites[0].hash
    text = secret.suites[0].text.encode()
    assert hashlib.sha256(text).hexdigest() == commitment.suites[0].hash


def test_a_commitment_shows_no_seed(tmp_path: Path) -> None:
    """Neither it nor its nonce is in the file; the secret is for this user alone and stays whole."""
    commitment, secret = made(2**100 + 12345)
    module.write(tmp_path / "c.json", commitment)
    module.write(tmp_path / "s.json", secret, private=True)
    text = (tmp_path / "c.json").read_text()
    assert str(2**100 + 12345) not in text
    assert "ab" * 32 not in text
    assert stat.S_IMODE((tmp_path / "s.json").stat().st_mode) == 0o600
    for name in ("c.json", "s.json"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(BadInput, match="is there already and is not overwritten"):
            module.write(tmp_path / name, secret)
        assert (tmp_path / name).read_bytes() == before
    assert module.read_commitment(tmp_path / "c.json") == commitment
    assert module.read_secret(tmp_path / "s.json") == secret
    assert [module.kind_of(tmp_path / name) for name in ("c.json", "s.json", "none")] == [
        *("commitment", "secret", ""),
    ]


def test_what_does_not_open_is_told() -> None:
    """Another seed, nonce, text or suite, and what is no number: each why."""
    commitment, secret = made()
    right = secret.suites[0]
    assert module.why_not(commitment, right) == ""
    sealed = commitment.suites[0]
    forged = text_of(sealed, "", 5, right.nonce)
    for wrong, why in (
        (replace(right, seed="5", text=forged), "hashes to"),
        (replace(right, seed="5"), "the text is not that of this seed"),
        (replace(right, nonce="cd" * 32), "the text is not that of"),
        (replace(right, text=right.text + "\n"), "the text is not that of"),
        (replace(right, seed="0x5"), "is no number"),
        (replace(right, seed="1" * 5000), "is no number"),
        (replace(right, suite="calendar"), "is not in the commitment"),
    ):
        assert why in module.why_not(commitment, wrong)


def test_a_seed_that_can_be_guessed_is_refused() -> None:
    """Rows of a leaderboard hold a hash without a nonce."""
    with pytest.raises(BadInput, match="has 3 bits and can be guessed; allowed: at least 97"):
        made(7)
    with pytest.raises(BadInput, match="allowed: each suite once"):
        module.commit(
            [read("addition")] * 2,
            {"addition": 2**100},
            {"addition": ""},
            limit=None,
            date="",
            harness_version="",
        )


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"format": "x"}', b"[" * 100000, b"\xff"])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    """One line, which does not repeat the content."""
    path = tmp_path / "x.json"
    path.write_bytes(content)
    for reading in (module.read_commitment, module.read_opening, module.read_secret):
        with pytest.raises(BadInput, match=r"x\.json: is not ") as caught:
            reading(path)
        assert "\n" not in str(caught.value)
    assert module.kind_of(path) == ""
    with pytest.raises(BadInput, match="cannot be read"):
        module.read_secret(tmp_path / "none.json")
