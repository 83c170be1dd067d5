"""Lines about what went wrong: no secret in them, the right exit code, one line."""

from __future__ import annotations

import pytest

from modelmetry.errors import BadInput, ModelmetryError, Unreachable
from modelmetry.hub.failures import explained, hidden


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("token hf_abcdefghijk is bad", "token hf_*** is bad"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer ***"),
        ("ftp://user:pass@host/x", "ftp://***@host/x"),
        ("https://h/x?X-Signature=abc&b=1", "https://h/x?X-Signature=***&b=***"),
        ("s3://bucket/editions", "s3://bucket/editions"),
        ("modelmetry publish EDITION", "modelmetry publish EDITION"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, left: str) -> None:
    """Tokens, headers, passwords and signed queries; other text stays."""
    assert hidden(text) == left


def test_secrets_of_the_environment_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """By value, whatever they look like."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "quite-ordinary")
    monkeypatch.setenv("HF_TOKEN", "my own word")
    assert hidden("saw quite-ordinary and my own word") == "saw *** and ***"


class NoCredentialsError(Exception):
    """As botocore calls it."""


class Answered(Exception):
    """As botocore says that a server refused."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": 403}}


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (NoCredentialsError("no"), BadInput, "no credentials; allowed: those that its client"),
        (Answered("no"), BadInput, "may not write there"),
        (PermissionError(13, "denied"), BadInput, "may not be written to"),
        (FileNotFoundError(2, "gone"), BadInput, "does not exist"),
        (NotADirectoryError(20, "a file"), BadInput, "is no folder to write into"),
        (ConnectionResetError("cut"), Unreachable, "cannot be reached"),
        (TimeoutError("late"), Unreachable, "cannot be reached"),
        (ValueError("card:\nwrong"), BadInput, "refused: card:;"),
        (KeyError("odd"), ModelmetryError, "KeyError"),
    ],
)
def test_other_peoples_exceptions_become_a_line(
    error: Exception, kind: type[Exception], line: str
) -> None:
    """What, where, what is left, and nothing of theirs in the traceback."""
    with pytest.raises(ModelmetryError, match=line) as caught, explained("s3://b", left="left so"):
        raise error
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("s3://b: ")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_ours_pass_through() -> None:
    """A line of ours is not wrapped again."""
    with pytest.raises(BadInput, match=r"^as it is$"), explained("anywhere"):
        raise BadInput("as it is")
