"""One way into all exports: what takes part, the folder, and who writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from modelmetry.errors import BadInput, offered
from modelmetry.items import Painters, Seed
from modelmetry.items.whole import whole_folder
from modelmetry.suites.editions.tables import with_pictures
from modelmetry.suites.exports import fine_tuning, inspect, lm_eval
from modelmetry.suites.exports.asking import asked
from modelmetry.suites.exports.choosing import in_wordings, of_split
from modelmetry.suites.exports.folder import Exported
from modelmetry.suites.render import items
from modelmetry.suites.suite import Suite

Training = Literal["chat", "datasets", "clevr"]
"""Forms that hold right answers, to fine-tune a model on."""

Harness = Literal["inspect", "lm-eval"]
"""Forms that ask, in other people's harnesses."""

Form = Training | Harness
"""The forms of an export."""

FORMS: tuple[Form, ...] = (*get_args(Training), *get_args(Harness))


def export(
    out: Path,
    suite: Suite,
    seed: Seed,
    *,
    to: Form,
    split: str | None = None,
    limit: int | None = None,
    wordings: Iterable[str] = (),
    inline: bool = False,
    processes: int | None = None,
) -> Exported:
    """Write problems into a new folder, in one step: it is there whole or not at all.

    Args:
        out: The folder; may be there, empty.
        suite: The suite; a task that has the split takes part.
        seed: Root of all randomness.
        to: `chat`, `datasets` or `clevr` for solved problems, `inspect` or `lm-eval` for what those
            harnesses run.
        split: The split. Of training data, whether or not the suite asks it; None for train. For a
            harness by name or label; None for all that the suite asks.
        limit: Most problems per task of training data (None for the suite's own number, or `MOST`),
            or per split for a harness (None for the suite's own numbers).
        wordings: Only these, as `wording` or `task/wording`; none for all that fit. None for `clevr`,
            which has words of its own.
        inline: Whether the pictures of `chat` and `inspect` are data URIs within it.
        processes: How many paint pictures.

    Returns:
        What was written, and which wordings were left out.

    Raises:
        BadInput: The folder is not empty, there is no such form, split or wording, or the form
            cannot hold what was asked for.
    """
    if to not in FORMS:
        raise BadInput(f"export: no form {to!r}{offered(to, FORMS)}")
    wordings = tuple(wordings)
    _check(to, inline=inline, wordings=wordings)
    seen = _Chosen(wordings=wordings, inline=inline, processes=processes)
    if to == "inspect" or to == "lm-eval":
        return _to_harness(out, suite, seed, to, split, limit, seen)
    chosen = of_split(suite, split or "train", limit)
    return _to_train(out, chosen, seed, to, split or "train", seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    wordings: tuple[str, ...]
    inline: bool
    processes: int | None


def _check(to: Form, *, inline: bool, wordings: tuple[str, ...]) -> None:
    """Refuse options that a form has no use for."""
    if to == "datasets" and inline:
        raise BadInput(
            "export to datasets: its rows hold their pictures; allowed: inline with chat or inspect"
        )
    if to == "lm-eval" and inline:
        raise BadInput(
            "export to lm-eval: it shows no pictures; allowed: inline with chat or inspect"
        )
    if to == "clevr" and (wordings or inline):
        raise BadInput(
            "export to clevr: it has words and pictures of its own; allowed: no wordings, not inline"
        )


def _to_train(
    out: Path, suite: Suite, seed: Seed, to: Training, split: str, chosen: _Chosen
) -> Exported:
    left_out: tuple[str, ...] = ()
    if to != "clevr":
        suite, left_out = in_wordings(suite, chosen.wordings, fine_tuning.unfit, "chat")
        fine_tuning.check_turns(suite)
    with whole_folder(out) as folder, Painters(chosen.processes) as painters:
        if to == "clevr":
            # It reads 90 templates, which other forms need not wait for.
            from modelmetry.suites.exports.clevr_files import write_clevr

            return Exported(count=write_clevr(folder, suite, seed, split, painters))
        examples = with_pictures(items(suite, seed), painters)
        if to == "datasets":
            count = fine_tuning.write_dataset(folder, suite, split, examples)
        else:
            count = fine_tuning.write_chats(folder, suite, split, examples, inline=chosen.inline)
    return Exported(count=count, left_out=left_out)


def _to_harness(
    out: Path,
    suite: Suite,
    seed: Seed,
    to: Harness,
    split: str | None,
    limit: int | None,
    chosen: _Chosen,
) -> Exported:
    whole_suite = suite if split is None else suite.only(split)
    unfit, kind = (
        (inspect.unfit, "chat") if to == "inspect" else (lm_eval.unfit, "prompt for lm-eval")
    )
    fitting, left_out = in_wordings(whole_suite, chosen.wordings, unfit, kind)
    what = asked(whole_suite, fitting, seed, limit, left_out)
    with whole_folder(out) as folder:
        if to == "lm-eval":
            made = lm_eval.write(folder, what)
        else:
            with Painters(chosen.processes) as painters:
                examples = with_pictures(what.items(), painters)
                made = inspect.write(folder, what, examples, inline=chosen.inline)
    return replace(made, left_out=left_out)
