"""The site in a real browser, opened from the disk."""

from __future__ import annotations

import contextlib

import pytest
from tests.leaderboards.boards import MODELS, SCRIPT, leaderboards
from tests.leaderboards.chromium import Browser

from modelmetry.leaderboards.site import build
from modelmetry.leaderboards.slugs import slug

pytestmark = pytest.mark.chromium

NAMES = "[...document.querySelectorAll('table.board tbody tr:not([hidden]) th a')].map(a => a.text)"
STATUS = "document.getElementById('status').textContent"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two suites over three nights."""
    data = leaderboards(tmp_path_factory.mktemp("data"))
    return build(data, tmp_path_factory.mktemp("out") / "site").folder


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """One tab of a browser."""
    with Browser(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser


@pytest.fixture
def board(tab, site):
    """The suite's page, freshly opened; nothing may have gone wrong in the end."""
    tab.console.clear()
    tab.look(1280)
    tab.open((site / "suites" / "sums" / "index.html").as_uri())
    yield tab
    assert tab.console == []


def click(head):
    """A click on the button of a column."""
    return f"[...document.querySelectorAll('button.sort')].find(b => b.textContent === {head!r}).click()"


def choose(name, script):
    """A choice in one of the lists."""
    return (
        f"(e => {{ e.value = {script}; e.dispatchEvent(new Event('change')) }})"
        f"(document.getElementById('{name}'))"
    )


def seek(words):
    """Words typed into the search."""
    return (
        f"(e => {{ e.value = {words!r}; e.dispatchEvent(new Event('input')) }})"
        "(document.getElementById('find'))"
    )


def test_rows_are_sorted_by_a_columns_button(board):
    """Falling first for numbers, then rising; the head and the live region say so."""
    assert board.run(NAMES)[:2] == ["reference/oracle", "a/good"]
    board.run(click("Places open"))
    board.run(click("Accuracy"))
    assert board.run(NAMES)[::7] == ["reference/oracle", "d/poor"]
    board.run(click("Accuracy"))
    assert board.run(NAMES)[::7] == ["d/poor", "reference/oracle"]
    assert board.run("document.querySelectorAll('th[aria-sort]').length") == 1
    assert board.run("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == (
        "ascending"
    )
    assert board.run(STATUS) == "8 of 8 rows shown, by accuracy, rising"
    board.run(choose("sort", "'Model|up'"))
    assert board.run(NAMES) == sorted((name for name, _ in MODELS), key=str.lower)


def test_rows_are_found_by_name(board):
    """The live region counts them."""
    board.run(seek("FAIR"))
    board.until(f"{STATUS}.startsWith('2 of 8')")
    assert board.run(NAMES) == ["b/fair", "c/like-fair"]
    board.run(seek("<script>"))
    board.until(f"{STATUS}.startsWith('1 of 8')")
    assert board.run(NAMES) == [SCRIPT]


def test_what_is_shown_stands_in_the_address(board):
    """Opened again, the address shows the same."""
    board.run(choose("sort", "'Accuracy|up'"))
    board.run(seek("fair"))
    board.until(f"{STATUS}.startsWith('2 of 8')")
    address = board.run("location.href")
    assert address.endswith("#q=fair&sort=Accuracy")
    # The link names the edition, too, so that it shows the same on every later night.
    lasting = board.run("document.getElementById('here').href")
    assert "#edition=" in lasting
    shown = board.run(NAMES)
    board.open(address)
    assert board.run(NAMES) == shown == ["c/like-fair", "b/fair"]
    assert board.run("document.getElementById('find').value") == "fair"
    board.open(lasting)
    assert board.run(NAMES) == shown


def test_an_earlier_edition_is_loaded_from_the_disk(board):
    """Its rows look as the newest ones do; a row's own address finds it again."""
    tables = "[...document.querySelectorAll('table.board tbody tr')].map(r => [r.innerText, r.querySelector('svg').outerHTML])"
    newest = board.run(tables)
    board.run(choose("edition", "e.options[2].value"))
    board.until(f"{STATUS}.includes('edition of 2026-01-01')")
    oldest = board.run(tables)
    # The same models scored the same on every night of this board: only the date differs.
    assert oldest == [[text.replace("01-03", "01-01"), svg] for text, svg in newest]
    address = board.run("document.querySelectorAll('td.rank a')[1].href")
    assert "edition=" in address
    board.open(address)
    board.until(f"{STATUS}.includes('edition of 2026-01-01')")
    assert board.run("document.querySelector('.sought').innerText").startswith("2")


def test_a_row_can_be_linked_to(board):
    """The row is marked and in sight."""
    address = board.run("document.querySelectorAll('td.rank a')[7].href")
    board.open(address)
    assert board.run("document.querySelector('.sought th').innerText").startswith("d/poor")
    assert board.run(
        "(b => b.top >= 0 && b.bottom <= innerHeight)(document.querySelector('.sought').getBoundingClientRect())"
    )


def test_an_address_of_another_board_is_not_passed_over(board, site):
    """An edition that is not here is said to be missing; the next choice takes the line away."""
    board.open((site / "suites" / "sums" / "index.html").as_uri() + "#edition=abc&run=def")
    assert board.run(STATUS).startswith("The edition of this address is not on this board")
    assert board.run(NAMES)[:2] == ["reference/oracle", "a/good"]
    board.run(choose("sort", "'Accuracy|up'"))
    assert board.run(STATUS).startswith("8 of 8")


def test_nothing_is_asked_of_the_network(board):
    """Files of the site and nothing else."""
    assert all(address.startswith(("file:", "about:", "data:")) for address in board.asked)


def test_no_script_of_a_name_runs(board, site):
    """Neither from the table, nor from an earlier edition, nor on the model's own page."""
    board.run("window.alert = () => { window.harmed = true }")
    board.run(choose("edition", "e.options[1].value"))
    board.until(f"{STATUS}.includes('edition of')")
    assert board.run("window.harmed") is None
    assert SCRIPT in board.run(NAMES)
    board.open((site / "models" / f"{slug(SCRIPT)}.html").as_uri())
    assert board.run("document.querySelector('h1').textContent") == SCRIPT


def test_the_keyboard_reaches_and_sorts(board):
    """Skip link first, then the theme, the search, the lists, the table; Enter sorts."""
    seen = []
    for _ in range(30):
        board.press("Tab")
        seen.append(
            board.run("(e => e.className || e.id || e.textContent.trim())(document.activeElement)")
        )
        text = board.run("document.activeElement.textContent")
        if (seen[-1], text) == ("sort", "Accuracy"):
            break
    assert seen[0] == "skip"
    order = [seen.index(name) for name in ("skip", "theme", "find", "edition", "scroll")]
    assert order == sorted(order)
    board.press("Enter")
    assert board.run("document.querySelector('th[aria-sort]').innerText").startswith("Accuracy")
    assert board.run("document.activeElement.textContent") == "Accuracy"


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_pages_fit_and_have_contrast(tab, site, width, dark):
    """No page and no table is wider than the window; text stands out from what is behind it."""
    tab.look(width, dark=dark)
    for path in sorted(site.rglob("*.html")):
        tab.open(path.as_uri())
        assert tab.run("document.documentElement.scrollWidth") <= width, path
        wider = "[...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth)"
        assert max(tab.run(wider)) <= 0, path
        bright = tab.run(
            "['color', 'backgroundColor'].map(n => getComputedStyle(document.body)[n].match(/\\d+/g)"
            ".slice(0, 3).map(Number).reduce((a, b) => a + b) / 3)"
        )
        assert (bright[0] > 200 and bright[1] < 40) if dark else (bright[0] < 60 < 230 < bright[1])


def test_without_scripts_the_table_is_there(tab, site):
    """Ranked; what needs a script is not shown."""
    tab.look(1280, scripts=False)
    try:
        tab.call("Page.navigate", url=(site / "suites" / "sums" / "index.html").as_uri())
        found = ""
        while "a/good" not in found:
            # The page may change between the two calls.
            with contextlib.suppress(AssertionError):
                root = tab.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
                found = tab.call("DOM.getOuterHTML", nodeId=root)["outerHTML"]
    finally:
        tab.look(1280)
    assert 'aria-label="Filter and sort" hidden' in found
    found = found[found.index("<tbody") : found.index("</tbody>")]
    assert found.index("reference/oracle") < found.index("a/good") < found.index("d/poor")
    assert found.count("<tr") == len(MODELS)
