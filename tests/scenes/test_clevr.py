"""CLEVR without holdouts: balanced questions about scenes made here, and about those of a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.scenes import clevr_json
from modelmetry.scenes.asking import TEMPLATES
from modelmetry.scenes.clevr import Clevr
from modelmetry.scenes.world import Scene

SEED = Seed(root=3)


def scenes(n: int) -> list[Scene]:
    generator = Clevr()
    return [
        msgspec.convert(generator.problem(SEED, "train", i).fields["scene"], Scene)
        for i in range(n)
    ]


def test_templates_and_their_answers_are_equally_frequent() -> None:
    """About scenes made here, all families come up, and the answers of each as designed."""
    problems = [Clevr().problem(SEED, "held-out", i) for i in range(450)]
    families = Counter(str(problem.factors["family"]) for problem in problems)
    share = Counter(template.family for template in TEMPLATES.values())
    for family, templates in share.items():
        mean = 450 * templates / len(TEMPLATES)
        assert abs(families[family] - mean) < 4.5 * mean**0.5, family
    yes = sum(problem.target.answers[0] == "yes" for problem in problems)
    no = sum(problem.target.answers[0] == "no" for problem in problems)
    assert abs(yes - no) < 4.5 * (yes + no) ** 0.5


def test_a_file_of_scenes_is_asked_about(tmp_path: Path) -> None:
    """Scenes of a CLEVR file become problems: those of the file, the fourth ones held out."""
    path = tmp_path / "scenes.json"
    given = scenes(8)
    clevr_json.write(path, given)
    generator = Clevr(scenes=str(path))
    for split, mine in (("train", (0, 1, 2, 4, 5, 6)), ("held-out", (3, 7))):
        problems = list(generator.problems(SEED, split, 40))
        shown = [msgspec.convert(problem.fields["scene"], Scene) for problem in problems]
        things = {scene.things for scene in shown}
        assert len(things) == len(mine)
        kinds = {tuple(t.kind for t in given[i].things) for i in mine}
        assert {tuple(t.kind for t in scene.things) for scene in shown} == kinds
        assert all(generator.solve(p.fields) == p.target.answers[0] for p in problems)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"fewest": 0}, "allowed: 1 <= fewest"),
        ({"most": 11}, "allowed: 1 <= fewest"),
        ({"fewest": 2, "most": 5}, "most from 6"),
        ({"scenes": "nowhere.json"}, "nowhere.json: cannot be read"),
    ],
)
def test_bad_options_are_one_clear_line(options: dict[str, object], line: str) -> None:
    """Options that cannot be are refused with what is wrong and what is allowed."""
    with pytest.raises(BadInput, match=line):
        Clevr(**options)  # type: ignore[arg-type]


def test_a_file_of_too_few_scenes_has_nothing_held_out(tmp_path: Path) -> None:
    """Three scenes are all for training; the split without any is refused."""
    path = tmp_path / "scenes.json"
    clevr_json.write(path, scenes(3))
    with pytest.raises(BadInput, match="too few scenes; allowed: 4 or more"):
        Clevr(scenes=str(path)).count("held-out")
