"""The static site: pages, addresses, downloads, and what must not happen to them."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.leaderboards.boards import FORMULA, MODELS, SCRIPT, UPWARDS, entry, leaderboards, night

from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.leaderboards import read, seed_commitment, update
from modelmetry.leaderboards.site import Given, build, read_given
from modelmetry.leaderboards.slugs import slug
from modelmetry.suites import editions


class Page(HTMLParser):
    """A page's tags, addresses, anchors and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.buttons: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [given[name] for name in ("href", "src") if given.get(name)]
        if given.get("id"):
            self.ids.append(given["id"])

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two suites over three nights."""
    return leaderboards(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def site(data, tmp_path_factory):
    """Their site."""
    return build(data, tmp_path_factory.mktemp("out") / "site").folder


@pytest.fixture(scope="module")
def all_pages(site):
    """Every page, read."""
    return [Page(path) for path in sorted(site.rglob("*.html"))]


def suite_page(site, suite="sums"):
    """The page of a suite."""
    return site / "suites" / suite / "index.html"


def test_every_model_and_every_view_has_a_page(site):
    """Suites, models, one front page."""
    assert len(list((site / "models").iterdir())) == len(MODELS)
    assert suite_page(site).is_file()
    assert suite_page(site, "words").is_file()
    assert (site / "index.html").is_file()


def test_every_link_leads_to_a_file_of_the_site(site, all_pages):
    """None leads elsewhere, above the site, or to an anchor that is not there."""
    ids = {page.path.resolve(): set(page.ids) for page in all_pages}
    for page in all_pages:
        for link in page.links:
            parts = urlsplit(link)
            assert parts.scheme in ("", "data"), link
            if parts.scheme:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            assert target.resolve().is_relative_to(site.resolve()), link
            assert target.is_file(), link
            # What the script shows of an earlier edition is no anchor of the page.
            if parts.fragment and "edition=" not in parts.fragment:
                assert parts.fragment in ids[target.resolve()], link


def test_a_row_has_an_anchor_that_stays(site, data, tmp_path):
    """Edition and run name it; another night and another model change neither it nor the page."""
    page = Page(suite_page(site))
    anchors = [one for one in page.ids if one.startswith("edition=")]
    assert len(anchors) == len(set(anchors)) == len(MODELS)
    other = tmp_path / "data"
    update(other / "sums.csv", [*read(data / "sums.csv")])
    update(other / "sums.csv", night(2, [("new/one", 0.5)]))
    again = Page(suite_page(build(other, tmp_path / "site").folder))
    assert set(anchors) < set(again.ids)
    names = {p.relative_to(site) for p in (site / "suites" / "sums").iterdir()}
    assert names == {
        p.relative_to(tmp_path / "site") for p in (tmp_path / "site/suites/sums").iterdir()
    }


def test_a_rows_address_outlives_what_the_suites_page_shows(site, data, tmp_path):
    """A new version takes over the suite's page; addresses that were copied from there still lead on."""
    copied = [link for link in Page(suite_page(site)).links if "&run=" in link]
    assert len(copied) == len(MODELS)
    other = tmp_path / "data"
    update(other / "sums.csv", [*read(data / "sums.csv"), *night(3, MODELS, suite_version=9)])
    folder = suite_page(build(other, tmp_path / "site").folder).parent
    for link in copied:
        name, _, anchor = link.partition("#")
        assert anchor not in Page(folder / "index.html").ids
        assert anchor in Page(folder / name).ids


def test_names_are_text(all_pages):
    """No element comes from a name, and the name is read as it is."""
    for page in all_pages:
        assert page.path.read_text(encoding="utf-8").count("<script") == page.tags.count("script")
        assert "<script>alert" not in page.path.read_text(encoding="utf-8")
    texts = "".join(page.text for page in all_pages)
    for name in (SCRIPT, FORMULA, UPWARDS, "task/<b>train"):
        assert name in texts
    assert "b" not in {tag for page in all_pages for tag in page.tags}


def test_names_do_not_lead_out_of_the_site(site):
    """A name with dots and slashes is one file among the models."""
    assert (site / "models" / f"{slug(UPWARDS)}.html").is_file()
    assert not (site.parent / "x.html").exists()


def test_pages_load_nothing(all_pages):
    """The policy allows nothing from elsewhere; only the pages of boards load files beside them."""
    for page in all_pages:
        text = page.path.read_text(encoding="utf-8")
        (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', text)
        assert "default-src 'none'" in policy
        assert "http" not in policy
        assert ("'self'" in policy) == ("suites" in page.path.parts)


def test_the_table_is_there_without_a_script(site):
    """Ranked, with value, interval, places, tie group, items, cost and date."""
    text = suite_page(site).read_text(encoding="utf-8")
    rows = re.findall(r'<tr role="row" id="edition=.*?</tr>', text, re.DOTALL)
    words = [re.sub(r"<[^>]*>", " ", row).split() for row in rows]
    assert words[0] == (
        [
            "1",
            "reference/oracle",
            "reference",
            "instrument",
            "95.0",
            "%",
            "93.0",
            "to",
            "97.0",
            "%",
            "1",
            "1",
            "10",
            "\u2013",
            "2026-01-03",
        ]
    )
    assert words[1][:2] == ["2", "a/good"]
    assert words[2][-6:] == ["3", "to", "4", "3", "10", "\u2013", "2026-01-03"][-6:]
    assert len(rows) == len(MODELS)


def test_tables_and_charts_speak(all_pages):
    """Every table has a caption, every chart its words, and every page a title and a skip link."""
    for page in all_pages:
        text = page.path.read_text(encoding="utf-8")
        assert page.tags.count("caption") == page.tags.count("table")
        charts = re.findall(r"<svg [^>]*role=\"img\"[^>]*>", text)
        assert all("aria-label=" in chart for chart in charts)
        assert 'class="skip" href="#main"' in text
        assert "<title></title>" not in text


def test_a_models_page_shows_it_over_the_nights(site):
    """One chart per board with several results; a board with one has none."""
    page = (site / "models" / f"{slug('a/good')}.html").read_text(encoding="utf-8")
    (label,) = re.findall(r'height="110" role="img" aria-label="([^"]*)"', page)
    assert label == (
        "sums, held-out: 3 results from 2026-01-01 to 2026-01-03; last 90.0\u00a0% on 2026-01-03, "
        "interval 88.0\u00a0% to 92.0\u00a0%; lowest 90.0\u00a0% on 2026-01-01, highest "
        "90.0\u00a0% on 2026-01-01"
    )
    (bars,) = re.findall(r'class="ci" vector-effect="non-scaling-stroke" d="([^"]*)"', page)
    assert bars == "M167 120V80M500 120V80M833 120V80"


def test_reference_instruments_are_not_the_best(site):
    """The front page and the suite's first line name the best of the models."""
    text = Page(suite_page(site)).text
    assert "a/good: 90.0\u00a0% (88.0 to 92.0\u00a0%), told apart from every other model." in text
    front = (site / "index.html").read_text(encoding="utf-8")
    assert f'href="models/{slug("a/good")}.html">a/good</a></td>' in front


def test_the_best_are_tied_with_the_best_model_not_with_the_oracle(tmp_path):
    """The oracle knows so little that nobody is told from it; the two models are told apart."""
    wide = entry("reference/oracle", 0.9, 0.4)
    update(tmp_path / "sums.csv", [wide, entry("a", 0.8), entry("b", 0.5), entry("c", 0.79)])
    assert {e.tie_group for e in read(tmp_path / "sums.csv")} == {1}
    text = Page(suite_page(build(tmp_path, tmp_path / "site").folder)).text
    assert "a: 80.0\u00a0% (76.0 to 84.0\u00a0%); not told apart from 1 other model." in text


def test_saturation_is_said(tmp_path):
    """Where the best model leaves no room to be beaten visibly."""
    update(tmp_path / "sums.csv", [entry("a", 0.99, 0.01, ci_high=1.0)])
    assert "Saturated" in Page(suite_page(build(tmp_path, tmp_path / "site").folder)).text
    (tmp_path / "sums.csv").unlink()
    update(tmp_path / "sums.csv", [entry("a", 0.5)])
    assert "Saturated" not in Page(suite_page(build(tmp_path, tmp_path / "site").folder)).text


def test_downloads_are_defused_and_whole(site, data):
    """The whole file is the leaderboard's; the page's own has the newest edition's rows."""
    assert (site / "data" / "sums.csv").read_bytes() == (data / "sums.csv").read_bytes()
    (own,) = (site / "suites" / "sums").glob("*.csv")
    newest = [e for e in read(data / "sums.csv") if e.date == "2026-01-03"]
    assert read(own) == newest
    with own.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_a_file_that_was_not_defused_is_for_download(tmp_path):
    """A row that was written by hand."""
    path = tmp_path / "data" / "sums.csv"
    update(path, [entry("x", 0.5)])
    path.write_text(path.read_text().replace(",x,", ",=1+1,"), encoding="utf-8")
    site = build(tmp_path / "data", tmp_path / "site").folder
    assert ",'=1+1," in (site / "data" / "sums.csv").read_text(encoding="utf-8")


def test_an_edition_has_a_page_with_its_certificate(tmp_path, addition_suite):
    """Numbers of the verification, commitment and canary; the seed is not told."""
    from modelmetry.analyses.verification import certificate_json, verify

    suite, seed = addition_suite({"held-out": 20}), Seed(root=918273645546372819)
    certificate = verify(suite, n=50, seed=3)
    made = editions.write(tmp_path, suite, seed, certificate=certificate_json(certificate))
    given = read_given(made.folder)
    commitment = seed_commitment("addition", seed.root)
    update(
        tmp_path / "data" / "addition.csv",
        [entry("a", 0.5, suite="addition", seed_commitment=commitment)],
    )
    site = build(tmp_path / "data", tmp_path / "site", [given]).folder
    (path,) = (site / "editions").iterdir()
    text = Page(path).text
    canary = made.manifest.canary.split()[-1]
    for told in (commitment, canary, "Passed: 50 problems", "0 (at\u00a0most"):
        assert told in text
    assert str(seed.root) not in path.read_text(encoding="utf-8")
    assert f"../../editions/{path.name}" in Page(suite_page(site, "addition")).links
    bare = build(tmp_path / "data", tmp_path / "bare", [Given(edition=made, certificate=None)])
    assert "without a certificate" in Page(next((bare.folder / "editions").iterdir())).text


def test_an_earlier_edition_is_a_file_beside_the_page(site):
    """The page holds the newest one and knows where the others lie."""
    files = list((site / "data" / "sums").iterdir())
    assert [path.suffix for path in files] == [".js"]
    assert files[0].read_text(encoding="utf-8").startswith("leaderboardHistory(0,")


def test_building_again_replaces_the_site(data, tmp_path):
    """What is no longer there is gone, and nothing else is left beside it."""
    out = tmp_path / "site"
    build(data, out)
    (out / "old.html").write_text("x")
    build(data, out)
    assert not (out / "old.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_build_that_fails_leaves_the_site(data, tmp_path):
    """A damaged file ends it before anything is replaced."""
    out = build(data, tmp_path / "site").folder
    other = leaderboards(tmp_path / "data", nights=1)
    (other / "words.csv").write_text("x\n", encoding="utf-8")
    before = (out / "index.html").read_bytes()
    with pytest.raises(BadInput, match=r"words\.csv: line 1: not the header"):
        build(other, out)
    assert (out / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "site"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("2026-01-01", "yesterday"), "date: 'yesterday'; allowed"),
        (lambda text: text.replace(",0.9,", ",much,"), "line 3: value: 'much' is not a number"),
        (lambda text: text.replace(",sums,", ",other,"), "holds rows of other"),
        (lambda text: text + "1,2\n", "line 10: 2 cells; allowed: 28"),
        (lambda text: text.splitlines()[0] + "\n", "no entries"),
    ],
)
def test_a_damaged_leaderboard_is_one_line(change, says, tmp_path):
    """What, where, and what is allowed."""
    path = tmp_path / "sums.csv"
    update(path, night(0, [("a/good", 0.9), *MODELS[1:]]))
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(BadInput, match=re.escape(says)) as error:
        build(tmp_path, tmp_path / "site")
    assert "\n" not in str(error.value)


def test_a_folder_of_something_else_is_not_replaced(data, tmp_path):
    """Neither a full folder, nor a file, nor the leaderboards themselves."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    for out, says in (
        (tmp_path / "thesis", "holds something else"),
        (tmp_path / "file", "is a file"),
        (data, "holds the leaderboards themselves"),
        (data.parent, "holds the leaderboards themselves"),
    ):
        with pytest.raises(BadInput, match=says):
            build(data, out)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "x"


def test_no_leaderboards_is_one_line(tmp_path):
    """An empty folder, or none."""
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match="no leaderboard; allowed"):
            build(folder, tmp_path / "site")


def test_entries_without_an_interval_have_a_dot_alone(tmp_path):
    """And say so."""
    update(tmp_path / "sums.csv", [entry("a", 0.5, None), entry("a", 0.6, None, date="2026-01-05")])
    site = build(tmp_path, tmp_path / "site").folder
    text = suite_page(site).read_text(encoding="utf-8")
    assert "interval none" in text
    assert 'class="ci"' not in (site / "models" / "a.html").read_text(encoding="utf-8")


def test_the_headline_of_an_installed_suite_comes_first(tmp_path):
    """Not what stands first in the alphabet; splits that the suite does not know come last."""
    rows = [
        entry("vllm/a", 0.5, suite="addition", split=split)
        for split in ("carry", "a-new-one", "longer", "held-out")
    ]
    update(tmp_path / "data" / "addition.csv", rows)
    page = Page(suite_page(build(tmp_path / "data", tmp_path / "site").folder, "addition"))
    places = [page.text.index(split) for split in ("held-out", "carry", "longer", "a-new-one")]
    assert places == sorted(places)
