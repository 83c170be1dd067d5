"""Items: problems in every wording, balanced in order, with examples from the train split only."""

from __future__ import annotations

from itertools import islice

from modelmetry.items import Seed, as_text
from modelmetry.suites import edition, generator_of, item_count, items, read, render


def test_items_are_a_function_of_the_seed() -> None:
    """Equal seeds give equal items; another seed gives others and another edition."""
    suite = read("quickstart")
    first = list(items(suite, Seed(root=5)))
    assert first == list(items(suite, Seed(root=5)))
    assert len(first) == item_count(suite)
    assert first != list(items(suite, Seed(root=6)))
    assert edition(suite, Seed(root=5)) != edition(suite, Seed(root=6))
    assert edition(suite, Seed(root=5)) != edition(suite, Seed(root=5), limit=3)


def test_uids_are_unique() -> None:
    """No two items of a suite share a uid."""
    uids = [item.uid for item in items(read("quickstart"), Seed(root=1))]
    assert len(set(uids)) == len(uids)


def test_any_leading_part_is_balanced() -> None:
    """After any number of rounds every split has the same number of problems."""
    suite = read("quickstart")
    splits = sum(len(task.splits) for task in suite.tasks)
    wordings = len(suite.tasks[0].prompts)
    head = list(islice(items(suite, Seed(root=0)), 3 * splits * wordings))
    counts: dict[tuple[str, str], int] = {}
    for item in head:
        key = (item.task, item.problem.split)
        counts[key] = counts.get(key, 0) + 1
    assert set(counts.values()) == {3 * wordings}


def test_examples_come_from_train_and_differ_between_items() -> None:
    """Shots are solved train problems, never the problem asked, and vary from item to item."""
    suite = read("addition")
    task = suite.tasks[0]
    prompt = next(p for p in task.prompts if p.shots and p.format == "completion")
    generator = generator_of(task)
    train = {
        f"{as_text(render(prompt, problem))} {problem.target.answers[0]}"
        for problem in generator.problems(Seed(root=0), "train", generator.count("train"))
    }
    seen = set()
    for item in islice((i for i in items(suite, Seed(root=3)) if i.wording == prompt.name), 20):
        *shots, question = item.text.split("\n")
        assert len(shots) == prompt.shots
        assert set(shots) <= train
        assert not any(shot.startswith(question) for shot in shots)
        seen.add(tuple(shots))
    assert len(seen) == 20


def test_the_answer_is_not_shown() -> None:
    """A completion ends where its answer starts."""
    suite = read("addition")
    for item in islice(items(suite, Seed(root=0)), 40):
        if item.format == "completion":
            assert not item.text.endswith(item.problem.target.answers[0])


def test_no_example_is_the_question() -> None:
    """Where a suite asks the train split, the question itself is never among its examples."""
    asked = [
        item
        for item in items(read("quickstart"), Seed(root=0))
        if item.problem.split == "train" and item.format == "completion"
    ]
    assert asked
    for item in asked:
        *shots, question = item.text.split("\n")
        assert shots
        assert not any(shot.startswith(f"{question} ") for shot in shots)
