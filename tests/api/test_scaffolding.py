"""Starting a project: what is written works as it is, and what cannot be is one line."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from modelmetry import api
from modelmetry.cli.init import init
from modelmetry.errors import BadInput

FILES = {
    *(".gitignore", "README.md", "nightly.yaml", "pyproject.toml"),
    *("src/my_sums/__init__.py", "src/my_sums/generator.py", "src/my_sums/py.typed"),
    *("suites/my-sums.yaml", "suites/prompts/my-sums/plain.jinja"),
    *("suites/prompts/my-sums/terse.jinja", "tests/test_generator.py"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project."""
    return api.init("my-sums", out=tmp_path_factory.mktemp("work") / "my-sums")


@pytest.fixture(scope="module")
def installed(project: Path) -> dict[str, str]:
    """An environment in which the project is installed: its package and entry point are on the path."""
    site = project.parent / "site"
    about = site / "my_sums-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-sums\nVersion: 0.1.0\n")
    entry = "[modelmetry.generators]\nmy-sums = my_sums.generator:MySums\n"
    assert 'my-sums = "my_sums.generator:MySums"' in (project / "pyproject.toml").read_text()
    (about / "entry_points.txt").write_text(entry)
    paths = [str(site), str(project / "src"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _run(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_everything_is_there_and_no_word_is_left_open(project: Path) -> None:
    """The files are those that the README tells of; no placeholder stays."""
    found = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert found == FILES
    for name in FILES:
        text = (project / name).read_text()
        assert "${" not in text
        assert ".template" not in text
    assert list(project.parent.glob(".my-sums-*")) == []
    assert yaml.safe_load((project / "nightly.yaml").read_text())["name"] == "my-sums"


def test_the_nightly_job_can_be_read(project: Path) -> None:
    """Its configuration is one that `modelmetry nightly` takes."""
    from modelmetry.nightly.config import read

    assert read(project / "nightly.yaml").name == "my-sums"


def test_its_generator_is_verified_and_runs(project: Path, installed: dict[str, str]) -> None:
    """The suite passes its verification, can be asked, and an edition is made of it."""
    code = """
from modelmetry import api
assert api.verify("suites/my-sums.yaml", n=200).passed
assert "my-sums" in [each["name"] for each in api.installed("generators")]
done = api.run("suites/my-sums.yaml", model="reference/oracle", limit=5, log_dir="runs")
print(done.frame()["value"].mean())
print(api.generate("suites/my-sums.yaml", seed=3, limit=5).is_dir())
"""
    assert _run(project, installed, "-c", code).split() == ["1.0", "True"]


@pytest.mark.docs
def test_its_own_tests_pass(project: Path, installed: dict[str, str]) -> None:
    """`pytest` in the new project passes, and fails where a solver is broken."""
    quiet = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert " passed" in _run(project, installed, *quiet)
    source = project / "src/my_sums/generator.py"
    right = source.read_text()
    source.write_text(right.replace("total += last", "total += last or 1"))
    try:
        broken = subprocess.run(
            [sys.executable, *quiet], cwd=project, env=installed, capture_output=True, check=False
        )
    finally:
        source.write_text(right)
    assert broken.returncode == 1


@pytest.mark.docs
def test_it_installs_in_a_fresh_environment(project: Path, tmp_path: Path) -> None:
    """`pip install -e .` makes the generator known to `modelmetry list`."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    site = next((tmp_path / "venv/lib").glob("python*")) / "site-packages"
    ours = [path for path in sys.path if path.endswith("site-packages")]
    # What is installed here stands for modelmetry and what it needs.
    lines = [f"import site; site.addsitedir({path!r})\n" for path in ours]
    (site / "beside.pth").write_text("".join(lines))
    shutil.copytree(project, tmp_path / "copy")
    subprocess.run(
        [str(python), "-m", "pip", "install", "-q", "--no-deps", "-e", str(tmp_path / "copy")],
        check=True,
        timeout=300,
    )
    told = subprocess.run(
        [str(python), "-m", "modelmetry.cli", "list", "generators"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "my-sums" in told.stdout


@pytest.mark.parametrize(
    "name",
    [
        "",
        "My-Sums",
        "my_sums",
        "-x",
        "1x",
        "a--b",
        "a/b",
        "../x",
        "x" * 51,
        "my sums",
        "<b>",
        "a\nb",
    ],
)
def test_a_name_that_cannot_be_is_one_line(name: str, tmp_path: Path) -> None:
    """What is no kebab-case makes nothing."""
    with pytest.raises(BadInput, match="allowed: kebab-case") as refused:
        api.init(name, out=tmp_path / "new")
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("class", "a word of Python's own"),
        ("json", "a word of Python's own"),
        ("tests", "a word of Python's own"),
        ("addition", "an installed generator or suite"),
        ("quickstart", "an installed generator or suite"),
        ("numpy", "an installed package"),
        ("modelmetry", "an installed package"),
    ],
)
def test_a_name_that_is_taken_is_one_line(name: str, why: str, tmp_path: Path) -> None:
    """A project must not hide a library, a suite or a word of the language."""
    with pytest.raises(BadInput, match=why):
        api.init(name, out=tmp_path / "new")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """What is there stays; an empty folder may be used; a file may not."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/note.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for taken in ("kept", "file"):
        with pytest.raises(BadInput, match="exists already; allowed: a new --out folder"):
            api.init("my-sums", out=tmp_path / taken)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["note.txt"]
    (tmp_path / "empty").mkdir()
    assert (api.init("my-sums", out=tmp_path / "empty") / "README.md").is_file()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file in the place of a parent folder is said in one line."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match="cannot be written"):
        api.init("my-sums", out=tmp_path / "file" / "new")


def test_the_same_name_gives_the_same_files(tmp_path: Path) -> None:
    """Nothing in a new project depends on when or where it was made."""
    folders = [api.init("my-sums", out=tmp_path / name) for name in ("a", "b")]
    one, two = ({n: (f / n).read_bytes() for n in FILES} for f in folders)
    assert one == two


def test_the_next_step_can_be_pasted(tmp_path: Path) -> None:
    """The line after `init` names the folder as a shell reads it."""
    folder = tmp_path / "my work" / "my-sums"
    folder.parent.mkdir()
    done = CliRunner().invoke(init, ["my-sums", "--out", str(folder)])
    assert shlex.split(done.stderr)[1:4] == ["cd", str(folder), "&&"]
