"""The configuration of a nightly job: what it says, and what is said where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.nightly import nights

from modelmetry.errors import BadInput
from modelmetry.nightly import config


def _changed(tmp_path: Path, old: str, new: str) -> Path:
    path = nights.write(
        tmp_path,
        gates={"regression": {"baseline": "first"}, "drift": {"nights": 5}, "cost": {"night": 1.0}},
    )
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    """A short configuration is whole: the check standard, its gates and what is kept need no word."""
    path = nights.write(tmp_path, check_standard=None)
    job = config.read(path)
    assert [each.label for each in job.respondents] == ["reference/check-standard", "able"]
    assert (job.parallel, job.keep.answers, job.timezone) == (1, 30, "UTC")
    assert job.gates.regression is None


def test_the_digest_leaves_out_the_secret_alone(tmp_path: Path) -> None:
    """Where the secret lies is no part of what a night is; what is asked is."""
    one = config.read(nights.write(tmp_path)).digest
    assert config.read(nights.write(tmp_path, secret={"env": "ELSEWHERE"})).digest == one
    assert config.read(nights.write(tmp_path, parallel=4)).digest == one
    assert config.read(nights.write(tmp_path, gates={"cost": {"night": 2}})).digest != one


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("limit: 40", "limmit: 40", "suites[0].anchors: no key 'limmit' (did you mean 'limit'?)"),
        ("models:", "model:", "no key 'model' (did you mean 'models'?); allowed: suites, models"),
        ("limit: 40", "limit: 0", "limit: allowed: int >= 1"),
        (
            "suite: adding.yaml",
            "suite: addition2",
            "suite: no 'addition2' (did you mean 'addition'?)",
        ),
        ("suite: adding.yaml", "suite: missing.yaml", "missing.yaml: no such file"),
        (
            "baseline: first",
            "baseline: frist",
            "baseline: 'frist'; allowed: first, none, or a date",
        ),
        ("baseline: first", "against: [abel]", "against: no 'abel' (did you mean 'able'?)"),
        ("baseline: first", "suites: [addin]", "gates.regression.suites: no 'addin' (did you mean"),
        ("nights: 5", "suites: [quick]", "gates.drift.suites: no 'quick'; allowed: adding"),
        ("nights: 5", "since: yesterday", "gates.drift.since: allowed: days as YYYY-MM-DD"),
        ("nights: 5", "nights: 1", "gates.drift.nights: allowed: int >= 2"),
        ("night: 1.0", "night: cheap", "gates.cost.night: allowed: float | null, got str"),
        ("name: test", "timezone: Mars", "timezone: 'Mars'; allowed: IANA names"),
        ("name: test", "name: test\nname: again", "not valid YAML: the key 'name' is given twice"),
        ("name: test", "name: [", "not valid YAML"),
        ("file: secret", "file: secret\n  env: ALSO", "secret: allowed: either env or file"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Unknown keys, names and values: one line with the file, the place and what is allowed."""
    path = _changed(tmp_path, old, new)
    with pytest.raises(BadInput) as error:
        config.read(path)
    assert said in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gates": {"drift": {"suites": ["b"]}}}, "gates.drift.suites: no model is asked 'b'"),
        ({"gates": {"regression": {"suites": ["b"]}}}, "regression.suites: no model is asked 'b'"),
        ({"gates": {"regression": {"suites": ["c"]}}}, "nothing of 'c' is compared"),
        ({"gates": {"regression": {"baseline": "none"}}}, "nothing of 'a' is compared"),
    ],
)
def test_a_gate_that_could_never_say_anything_is_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    """A gate on a suite that no model is asked, or of which nothing is compared, would pass in silence."""
    suites = [
        {"suite": "adding.yaml", "name": "a", "anchors": {"seed": 1}},
        {"suite": "adding.yaml", "name": "b", "anchors": {"seed": 1}},
        {"suite": "adding.yaml", "name": "c", "fresh": {}},
    ]
    models = [{"model": "reference/oracle", "suites": ["a", "c"]}]
    config.read(nights.write(tmp_path, suites=suites, models=models, gates={"regression": {}}))
    with pytest.raises(BadInput) as error:
        config.read(nights.write(tmp_path, suites=suites, models=models, **changes))
    assert said in str(error.value)


def test_two_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Two models need two names: results would be mixed up."""
    twice = [{"model": "reference/oracle"}, {"model": "reference/oracle"}]
    with pytest.raises(BadInput, match="stands there twice"):
        config.read(nights.write(tmp_path, models=twice))


def test_a_suite_without_kinds_is_refused(tmp_path: Path) -> None:
    """A suite that is neither fresh nor anchors would ask nothing."""
    with pytest.raises(BadInput, match="neither fresh nor anchors"):
        config.read(nights.write(tmp_path, suites=[{"suite": "adding.yaml"}]))


def test_dates_of_yaml_are_dates(tmp_path: Path) -> None:
    """A date without quotes, which YAML reads as a date, is one, and so is one with quotes."""
    for written in ("2026-01-05", "'2026-01-05'"):
        path = _changed(tmp_path, "baseline: first", f"baseline: {written}")
        regression = config.read(path).gates.regression
        assert regression is not None
        assert str(config.baseline_of(regression, path)) == "2026-01-05"


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    """No file, and a file that holds a list."""
    with pytest.raises(BadInput, match="no such file"):
        config.read(tmp_path / "nothing.yaml")
    (tmp_path / "list.yaml").write_text(yaml.safe_dump([1]))
    with pytest.raises(BadInput, match="not a mapping; allowed: suites"):
        config.read(tmp_path / "list.yaml")
