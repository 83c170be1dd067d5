"""A night as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nightly.hand_made import cell, night, verdict

from modelmetry.nightly.junit import xml

ALLOWED = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"},
    "skipped": {"message"},
}
"""Attributes of each element in Jenkins' schema (junit-10.xsd of its xUnit plugin) that are written."""


def _parsed(found):
    return ET.fromstring(xml(found))  # noqa: S314 - what the package wrote itself


def _mixed():
    outcomes = ("passed", "failed", "not decided")
    gates = [
        verdict(gate=g, outcome=o, says=f"{g} {o}") for g in ("drift", "cost") for o in outcomes
    ]
    cells = (cell(), cell(kind="anchor", status="limit", note="cost limit", wall_s=3.0))
    return night(verdicts=tuple(gates), cells=cells)


def test_elements_have_the_attributes_of_the_schema():
    """All of them and no others, and times are plain seconds."""
    for element in _parsed(_mixed()).iter():
        assert set(element.attrib) == ALLOWED[element.tag]
        assert float(element.get("time", "0")) >= 0


def test_counts_are_those_of_the_cases():
    """Each suite, and the whole, count what is in them."""
    root = _parsed(_mixed())
    assert [suite.get("name") for suite in root] == ["drift", "cost", "runs"]
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("8", "2", "0")


def test_a_failed_gate_is_a_failure_with_its_sentence():
    """The message and the body both hold it: servers show one or the other."""
    failure = _parsed(_mixed()).find("testsuite[@name='cost']/testcase/failure")
    assert failure is not None
    assert failure.get("message") == failure.text == "cost failed"


def test_what_is_not_decided_is_skipped():
    """And a run that did not finish, too: whether that fails the night is a gate's to say."""
    root = _parsed(_mixed())
    said = [element.get("message") for element in root.iter("skipped")]
    assert said == ["drift not decided", "cost not decided", "limit: cost limit"]


def test_names_within_a_suite_differ():
    """GitLab drops all but the first case of a name: gates on fresh problems and anchors are two."""
    cases = _parsed(night(verdicts=(verdict(), verdict()), cells=())).findall(".//testcase")
    name = "quickstart / reference/check-standard / addition/held-out"
    assert [case.get("name") for case in cases] == [name, f"{name} (2)"]


def test_times_are_told():
    """The night's length, each run's time, and a start in UTC without its zone."""
    root = _parsed(
        night(started_at="2026-01-06T04:00:00+02:00", ended_at="2026-01-06T04:03:20+02:00")
    )
    assert root.get("time") == "200.000"
    suite = root.find("testsuite[@name='runs']")
    assert suite is not None
    assert (suite.get("time"), suite.get("timestamp")) == ("12.500", "2026-01-06T02:00:00")


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_read_again(text):
    """Whatever a note holds, control characters and surrogate halves included, the file is XML."""
    data = xml(night(name=text, verdicts=(verdict(model=text, says=text, outcome="failed"),)))
    failure = ET.fromstring(data.encode()).find(".//failure")  # noqa: S314
    assert failure is not None
    plain = [c for c in text if c.isprintable()]
    assert set(plain) <= set(failure.get("message", ""))


def test_forbidden_characters_are_replaced():
    """By the sign for it, so that nothing is lost without a trace."""
    failure = _parsed(night(verdicts=(verdict(says="a\x00b\x1bc", outcome="failed"),))).find(
        ".//failure"
    )
    assert failure is not None
    assert failure.text == "a\ufffdb\ufffdc"
