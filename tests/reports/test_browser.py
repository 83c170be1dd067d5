"""The page in a real browser."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from modelmetry.reports import write_report

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def dom(section, tmp_path_factory):
    """The page's document after its script has run."""
    out = tmp_path_factory.mktemp("page")
    html, *_ = write_report(out, [section])
    # The browser reports a script that fails by leaving this text in place.
    command = [
        *(shutil.which("chromium") or "chromium", "--headless", "--no-sandbox", "--disable-gpu"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={out / 'profile'}", "--dump-dom", html.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_the_script_shows_the_first_samples(dom):
    """Twenty samples are laid out, with how many match."""
    assert dom.count('<article class="sample">') == 20
    assert "20 of 360 matching samples shown" in dom


def test_every_result_can_be_filtered_for(dom):
    """The filter offers each kind of result that occurs, with its number."""
    for kind in ("right", "wrong", "refused", "truncated", "no answer", "instrument failed"):
        assert f'<option value="{kind}">' in dom


def test_the_theme_can_be_switched(dom):
    """The button appears once the script is there to serve it."""
    assert '<button class="theme" type="button">Theme: auto</button>' in dom
