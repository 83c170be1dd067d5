"""The examples work as they are: what they run is run, what they promise is in them."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from modelmetry import api

NIGHTLY = Path(__file__).parent.parent / "examples" / "nightly"
PROGRAM = Path(sys.executable).with_name("modelmetry")

SMALL = """
name: small
secret: {env: MODELMETRY_SECRET}
suites: [{suite: greater-than, fresh: {limit: 2}}]
models: [{model: reference/majority}]
check_standard: false
"""


def _loaded(name):
    return yaml.safe_load((NIGHTLY / name).read_text(encoding="utf-8"))


def _cron(folder, config, **given):
    """The script as cron runs it: with next to nothing in its environment."""
    environment = {
        "MODELMETRY": str(PROGRAM),
        "MODELMETRY_CONFIG": str(config),
        "MODELMETRY_OUT": str(folder / "nights"),
        "PATH": "/usr/bin:/bin",
        **given,
    }
    return subprocess.run(
        [str(NIGHTLY / "nightly.sh")],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A night that the script has run, and what it said."""
    folder = tmp_path_factory.mktemp("cron")
    (folder / "small.yaml").write_text(SMALL)
    return folder, _cron(folder, folder / "small.yaml")


def test_the_job_can_be_asked_as_it_is(monkeypatch, tmp_path):
    """Every suite and model of nightly.yaml is there, none needs a key, and fresh ones a secret."""
    monkeypatch.setenv("MODELMETRY_SECRET", "0123456789abcdef0123456789abcdef")
    cells = api.dry_run_nightly(NIGHTLY / "nightly.yaml", out=tmp_path / "nights")
    assert {cell["model"].split("/")[0] for cell in cells} == {"reference"}
    assert {cell["kind"] for cell in cells} == {"fresh", "anchor"}


@pytest.mark.slow
def test_cron_is_told_nothing_when_all_is_well(asked):
    """A bare environment is enough; no mail is sent; the night is there."""
    folder, done = asked
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (night,) = (folder / "nights").glob("20*-*-*")
    assert json.loads((night / "summary.json").read_bytes())["name"] == "small"


@pytest.mark.slow
def test_the_secret_is_made_once_and_for_one_reader(asked):
    """Beside the nights, not among them, which may be shown; readable by its owner alone."""
    folder, _ = asked
    secret = folder / "nights.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_text().strip()) >= 40
    texts = [p.read_bytes() for p in (folder / "nights").rglob("*") if p.is_file()]
    assert texts
    assert not any(secret.read_bytes().strip() in text for text in texts)


def test_cron_is_told_why_a_night_did_not_begin(tmp_path):
    """The exit code is the program's, and its line is printed."""
    done = _cron(tmp_path, tmp_path / "none.yaml")
    assert done.returncode == 2
    assert "none.yaml: no such file" in done.stdout
    lost = _cron(tmp_path, tmp_path / "none.yaml", MODELMETRY="/nowhere/modelmetry")
    assert (lost.returncode, lost.stderr) == (
        2,
        "/nowhere/modelmetry: no such program; set MODELMETRY\n",
    )


def test_cron_is_told_the_summary_of_a_night_that_failed(tmp_path):
    """Exit code 5, and what is printed begins with the verdict."""
    program = tmp_path / "modelmetry"
    program.write_text(
        '#!/bin/bash\nmkdir -p "$4/$6"; echo "verdict" >"$4/$6/summary.md"; echo noise; exit 5\n'
    )
    program.chmod(0o755)
    done = _cron(tmp_path, tmp_path / "any.yaml", MODELMETRY=str(program), MODELMETRY_SECRET="x")
    assert (done.returncode, done.stdout) == (5, "verdict\n")


def test_the_crontab_calls_the_script():
    """Its one line has five fields of time and a path that ends in the script's."""
    lines = (NIGHTLY / "crontab").read_text().splitlines()
    (line,) = (line for line in lines if re.match(r"\d", line))
    assert line.split()[5].endswith("/examples/nightly/nightly.sh")
    assert os.access(NIGHTLY / "nightly.sh", os.X_OK)


def _steps():
    return _loaded("github-actions.yml")["jobs"]["nightly"]["steps"]


def test_the_workflow_keeps_the_nights_and_the_secret():
    """Restored before, saved after whatever happens, under one prefix; one step knows the secret."""
    flow, steps = _loaded("github-actions.yml"), _steps()
    uses = [step.get("uses", step.get("name", "")).split("@")[0] for step in steps]
    restore, save = uses.index("actions/cache/restore"), uses.index("actions/cache/save")
    upload, night = uses.index("actions/upload-artifact"), uses.index("Night")
    assert restore < night < min(save, upload)
    assert steps[restore]["with"]["key"].startswith(steps[restore]["with"]["restore-keys"])
    assert steps[save]["with"]["key"] == steps[restore]["with"]["key"]
    paths = {steps[n]["with"]["path"] for n in (restore, save, upload)}
    assert paths == {flow["env"]["OUT"]}
    assert all(steps[n]["if"] == "always()" for n in (save, upload))
    knowing = [n for n, step in enumerate(steps) if "secrets." in json.dumps(step)]
    assert knowing == [night]
    assert flow["permissions"] == {"contents": "read"}
    assert flow["concurrency"]["cancel-in-progress"] is False


@pytest.mark.slow
def test_the_workflow_runs(asked, tmp_path):
    """Its steps after the installation, as a runner's shell runs them, on the night that is there."""
    folder, _ = asked
    written = tmp_path / "env"
    summary = tmp_path / "summary"
    environment = {
        "PATH": f"{PROGRAM.parent}:/usr/bin:/bin",
        "CONFIG": str(folder / "small.yaml"),
        "OUT": str(folder / "nights"),
        "GITHUB_ENV": str(written),
        "GITHUB_STEP_SUMMARY": str(summary),
        "MODELMETRY_SECRET": (folder / "nights.secret").read_text().strip(),
    }
    for step in _steps():
        if "run" not in step or step["name"] == "Install":
            continue
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            shell, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        environment |= dict(line.split("=", 1) for line in written.read_text().splitlines())
    assert summary.read_text().startswith("**")


def _kubernetes():
    text = (NIGHTLY / "kubernetes-cronjob.yaml").read_text(encoding="utf-8")
    return {part["kind"]: part for part in yaml.safe_load_all(text)}


def test_the_cron_job_runs_one_night_at_a_time():
    """None beside another; a failed gate and a bad configuration are not tried again."""
    spec = _kubernetes()["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    (rule,) = spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["values"] == [2, 5]
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_the_cron_job_keeps_the_nights_and_the_secret():
    """Nights lie on the claim; the secret comes from a Secret; nothing else can be written or gained."""
    parts = _kubernetes()
    pod = parts["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    out = container["args"][container["args"].index("--out") + 1]
    assert out.startswith(f"{mounts['nights']}/")
    assert container["args"][1].startswith(f"{mounts['config']}/")
    claims = [
        v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if v["name"] == "nights"
    ]
    assert claims == [parts["PersistentVolumeClaim"]["metadata"]["name"]]
    (secret,) = (entry for entry in container["env"] if entry["name"] == "MODELMETRY_SECRET")
    assert "secretKeyRef" in secret["valueFrom"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    user = re.search(r"^USER (\d+):", (NIGHTLY / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    assert pod["securityContext"]["runAsUser"] == int(user[1])


def test_the_dag_passes_one_date_and_hides_the_secret():
    """The date is the run's, so that a retry goes on; the secret is in no command."""
    source = (NIGHTLY / "airflow_dag.py").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    (run,) = (call for call in calls if ast.unparse(call.func) == "subprocess.run")
    assert ast.unparse(run.args[0]) == "[PROGRAM, 'nightly', CONFIG, '--out', OUT, '--date', date]"
    assert "run_after" in source
    assert "FINAL = {2, 5}" in source
