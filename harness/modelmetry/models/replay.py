"""Answers that were stored before: a finished run asked again, without its model."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from modelmetry.errors import BadInput
from modelmetry.models.model import Model, Rejected, Request, Response, unscored

_FIND = """
SELECT responses.body FROM responses JOIN items ON items.position = responses.position
WHERE items.uid = ? AND responses.repeat = ?
"""
_decode = msgspec.json.Decoder(Response).decode


@dataclass(frozen=True, kw_only=True)
class Replay(Model):
    """The stored answers of a run (`replay/<run folder>`), found by item and repeat.

    Log-probabilities are those that were stored.

    Nothing is paid again, so every price is 0; token counts and latencies are the stored ones, which
    for a conversation are sums: its last reply has them all.
    """

    _stored: Any = field(init=False, repr=False, compare=False)

    provider: ClassVar[str] = "replay"
    scores_texts: ClassVar[bool] = True

    async def open(self) -> Self:
        path = Path(self.name) / "responses.db"
        if not path.is_file():
            raise BadInput(f"{self.spec}: no {path}; allowed: replay/<folder of a run>")
        object.__setattr__(self, "_stored", sqlite3.connect(_address(path), uri=True))
        try:
            self._find("", 0)
        except BadInput:
            await self.close()
            raise
        return self

    async def answer(self, request: Request) -> Response:
        body = self._find(request.item.uid, request.repeat)
        if body is None:
            raise Rejected(f"no stored answer to {request.item.uid}, repeat {request.repeat}")
        try:
            response = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{self.spec}: a stored answer cannot be read ({error})") from None
        wanted = request.sampling.logprobs == "target"
        if wanted and response.shown_logprobs is None and response.error is None:
            raise unscored(self.spec, "the run was asked without")
        replies = response.replies
        if request.turn < len(replies):
            return Response(request_key=request.key, text=replies[request.turn], finish="stop")
        return replace(response, request_key=request.key, cost_usd=0.0)

    async def close(self) -> None:
        if "_stored" in vars(self):
            self._stored.close()

    def _find(self, uid: str, repeat: int) -> bytes | None:
        try:
            row = self._stored.execute(_FIND, (uid, repeat)).fetchone()
        except sqlite3.Error as error:
            raise BadInput(f"{self.spec}: responses.db cannot be read ({error})") from None
        return row[0] if row else None


def _address(path: Path) -> str:
    """The database as a read-only address, for SQLite."""
    resolved = path.resolve()
    # Without a log beside it the file is complete, and read as such it needs no lock files, which
    # a folder that cannot be written to would not take.
    complete = not resolved.with_name(f"{resolved.name}-wal").exists()
    return f"{resolved.as_uri()}?mode=ro{'&immutable=1' if complete else ''}"
