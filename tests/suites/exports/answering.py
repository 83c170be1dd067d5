"""A model that answers by what it is shown alone: rightly, wrongly, unclearly, at length or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web
from tests.models.conftest import Stub, answer

from modelmetry.items import Item

STYLES = (
    "{right}",
    "  {right}\n",
    "The answer is **{right}**.",
    r"Let me see. 3 + 4 = 7, so \boxed{{{right}}}",
    "<think>It may be {other}.</think>\n{right}",
    "{other}",
    "It is {right} or {other}.",
    "",
    "I'm sorry, but I can't help with that.",
    "{other}? No. After some thought:\n\nAnswer: {right}",
    "Hmm, no idea really.",
    "Certainly. There are three points to make, and each of them deserves a closer look.",
)


def shown(body: dict[str, Any]) -> str:
    """What a request shows, whatever way it is written: one hash of roles, texts and pictures."""
    turns = []
    for turn in body.get("messages", [{"role": "prompt", "content": body.get("prompt")}]):
        content = turn["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        turns.append([turn["role"], text, urls])
    return hashlib.sha256(json.dumps(turns).encode()).hexdigest()


def last_text(body: dict[str, Any]) -> str:
    """The text of the last turn of a request, or all of a completion."""
    if "messages" not in body:
        return body["prompt"]
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


def answers(stub: Stub, items: Iterable[Item], *, cut: bool) -> None:
    """Let the server answer these items; what it says depends on what it is shown alone.

    Its answers are of all `STYLES`; where it is told to end at a stop text, it does.

    Args:
        stub: The server.
        items: What it knows the right answers of.
        cut: Whether it says of some answers that they were cut at the token limit.
    """
    targets = {item.messages[-1].text: item.problem.target for item in items}

    async def reply(_request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        target = targets.get(last_text(body))
        right = target.answers[0] if target else "complies"
        choices = [text for text in (target.choices if target else ()) if text != right]
        # Inspect writes reasoning in earlier replies anew, in a form of its own.
        styles = [style for style in STYLES if target or "<think>" not in style]
        style = styles[int(shown(body)[:8], 16) % len(styles)]
        text = style.format(right=right, other=choices[0] if choices else "4711")
        for stop in body.get("stop") or ():
            text = text.split(stop)[0]
        ended = "length" if cut and int(shown(body)[8:16], 16) % 4 == 0 else "stop"
        choice = answer(text, index=0, finish_reason=ended)
        body = {**choice, "id": "1", "object": "chat.completion", "model": "stub"}
        body["usage"] = {**body["usage"], "total_tokens": 10}
        return web.json_response(body)

    stub.reply = reply
