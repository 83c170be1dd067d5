"""Replaying a run: stored answers, found by item and repeat."""

from __future__ import annotations

import sqlite3

import pytest

from modelmetry.errors import BadInput
from modelmetry.models import Rejected, Response, resolve
from modelmetry.runs.store import Store


@pytest.fixture
def run(tmp_path, make_request):
    """A run folder with two repeats of items 0 and 1; item 1 has lost its second answer."""
    with Store(tmp_path / "responses.db", create=True) as store:
        store.add_items(make_request(n).item for n in range(2))
        for position, repeat in ((0, 0), (0, 1), (1, 0)):
            response = Response(
                request_key="old",
                text=f"item {position} repeat {repeat}\0\ufffd",
                finish="length",
                output_tokens=5,
                cost_usd=1.5,
                received_at=12.0,
            )
            store.put(position, repeat, response)
    return tmp_path


def test_stored_answers_come_back(run, make_request, ask):
    """Each item and repeat gets its own stored answer, for free, under the new request's key."""
    requests = [make_request(0), make_request(0, repeat=1), make_request(1)]
    responses = ask(resolve(f"replay/{run}"), *requests)
    assert [r.text for r in responses] == [
        f"item {n} repeat {k}\0\ufffd" for n, k in ((0, 0), (0, 1), (1, 0))
    ]
    assert [r.request_key for r in responses] == [request.key for request in requests]
    assert {(r.finish, r.output_tokens, r.cost_usd) for r in responses} == {("length", 5, 0.0)}


def test_log_probabilities_come_back_if_they_were_stored(run, make_request, ask):
    """Those of the text shown and of the right answer, or one line that they were not asked for."""
    asked = make_request(0, logprobs="target")
    with pytest.raises(BadInput, match=r"the run was asked without\); allowed: .* such as vllm/"):
        ask(resolve(f"replay/{run}"), asked)
    with Store(run / "responses.db") as store:
        scores = {"shown_logprobs": (None, -1.5), "target_logprobs": (-0.25,)}
        store.put(0, 0, Response(request_key="k", text="x", finish="stop", **scores))
    (response,) = ask(resolve(f"replay/{run}"), asked)
    assert (response.shown_logprobs, response.target_logprobs) == ((None, -1.5), (-0.25,))


def test_a_run_in_progress_can_be_replayed(run, make_request, ask):
    """Answers that still stand in the write-ahead log are found, and nothing is written."""
    with Store(run / "responses.db") as store:
        store.put(1, 1, Response(request_key="k", text="just in", finish="stop"))
        assert (run / "responses.db-wal").stat().st_size > 0
        (response,) = ask(resolve(f"replay/{run}"), make_request(1, repeat=1))
    assert response.text == "just in"


def test_a_missing_answer_is_rejected(run, make_request, ask):
    """What the run did not ask, or has no answer to, is given up for that request alone."""
    for request in (make_request(1, repeat=1), make_request(2)):
        with pytest.raises(Rejected, match="no stored answer to addition/"):
            ask(resolve(f"replay/{run}"), request)


def test_a_folder_that_is_no_run(tmp_path, make_request, ask):
    """A missing, damaged or foreign database is one line each."""
    with pytest.raises(BadInput, match="allowed: replay/<folder of a run>"):
        ask(resolve(f"replay/{tmp_path}"), make_request())
    path = tmp_path / "responses.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(BadInput, match="cannot be read"):
        ask(resolve(f"replay/{tmp_path}"), make_request())
    path.unlink()
    sqlite3.connect(path).close()
    with pytest.raises(BadInput, match="cannot be read"):
        ask(resolve(f"replay/{tmp_path}"), make_request())


def test_a_damaged_answer_is_one_line(run, make_request, ask):
    """A stored answer that is no response any more names itself so."""
    with sqlite3.connect(run / "responses.db") as db:
        db.execute("UPDATE responses SET body = x'7b'")
    db.close()
    with pytest.raises(BadInput, match="a stored answer cannot be read"):
        ask(resolve(f"replay/{run}"), make_request())
