"""Reports are valid XML whatever is in them, and take the team's own suites along."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.testing import junit
from model_devops.testing.junit import Case, Suite, dumps


def test_each_case_is_counted_and_carries_its_message():
    cases = [Case("accuracy min"), Case("latency max", failure="too slow"), Case("later", skipped="not run")]
    root = ElementTree.fromstring(dumps("digits 1.0.0", [Suite("gates", cases), Suite("empty")]))
    (suite,) = root
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "skipped")} == {
        "name": "gates",
        "tests": "3",
        "failures": "1",
        "skipped": "1",
    }
    assert [case.get("name") for case in suite] == ["accuracy min", "latency max", "later"]
    assert suite[1][0].get("message") == "too slow"
    assert suite[0].get("classname") == "digits 1.0.0.gates"


@given(st.text(), st.text(), st.text())
def test_any_text_makes_valid_xml(name: str, failure: str, output: str):
    data = dumps(name, [Suite(name, [Case(name, failure=failure, output=output)])])
    case = ElementTree.fromstring(data)[0][0]
    assert case[0].get("message") is not None


def test_control_characters_and_markup_do_no_harm():
    data = dumps("n", [Suite("s", [Case("a", failure="\x00\x1b[31m<b>&\ud800]]>\ufffe")])])
    assert ElementTree.fromstring(data)[0][0][0].text == "��[31m<b>&�]]>�"


@pytest.mark.parametrize("text", ["<testsuite name='t'/>", "<testsuites><testsuite name='t'/><other/></testsuites>"])
def test_the_teams_suites_become_part_of_the_report(tmp_path: Path, text: str):
    (tmp_path / "junit.xml").write_text(text)
    root = ElementTree.fromstring(dumps("n", [Suite("s", [Case("a")])], junit.read(tmp_path / "junit.xml")))
    assert [suite.get("name") for suite in root] == ["s", "t"]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><testsuite name="&b;"/>'


@pytest.mark.parametrize("text", ["", "<testsuite", "<html/>", BOMB, "{}", '<?xml version="1.0" encoding="x-no"?><a/>'])
def test_a_file_that_is_no_junit_is_said_to_be_so(tmp_path: Path, text: str):
    (tmp_path / "junit.xml").write_text(text)
    with pytest.raises(ValueError, match=r"junit\.xml"):
        junit.read(tmp_path / "junit.xml")


def test_a_junit_file_that_hides_its_entities_in_another_encoding_is_refused(tmp_path: Path):
    (tmp_path / "junit.xml").write_bytes(BOMB.encode("utf-16"))
    with pytest.raises(ValueError, match="UTF-8"):
        junit.read(tmp_path / "junit.xml")


def test_a_missing_or_linked_junit_file_does_not_count(tmp_path: Path):
    with pytest.raises(ValueError, match="wrote no"):
        junit.read(tmp_path / "none.xml")
    (tmp_path / "real.xml").write_text("<testsuites/>")
    (tmp_path / "link.xml").symlink_to("real.xml")
    with pytest.raises(ValueError, match="no regular file"):
        junit.read(tmp_path / "link.xml")


@given(st.binary(max_size=200))
def test_any_bytes_are_suites_or_a_message(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    path = tmp_path_factory.getbasetemp() / "fuzzed.xml"
    path.write_bytes(data)
    try:
        suites = junit.read(path)
    except ValueError:
        return
    assert all(suite.tag == "testsuite" for suite in suites)
