"""Quantities as servers read them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from model_devops.manifests.quantities import amount, decoded


@pytest.mark.parametrize(
    ("written", "much"),
    [
        ("0", 0),
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("1.", 1),
        (".5", Fraction(1, 2)),
        ("001.50", Fraction(3, 2)),
        ("500m", Fraction(1, 2)),
        ("1u", Fraction(1, 10**6)),
        ("1n", Fraction(1, 10**9)),
        ("1k", 1000),
        ("1M", 10**6),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("1E", 10**18),
        ("1Ki", 2**10),
        ("1.5Mi", 3 * 2**19),
        ("1Gi", 2**30),
        ("1Ti", 2**40),
        ("1Pi", 2**50),
        ("1Ei", 2**60),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e+3", 1000),
        ("1e-3", Fraction(1, 1000)),
        (2, 2),
        (0.5, Fraction(1, 2)),
        (1e-05, Fraction(1, 10**5)),
        (1e20, 10**20),
    ],
)
def test_a_quantity_is_as_much_as_it_says(written: object, much: object) -> None:
    assert amount(written) == much


@pytest.mark.parametrize(
    "written",
    [
        *["", " ", "1 ", "1 Gi", "4GB", "4gb", "4g", "1K", "1mi", "1ki", "1B", "1Gi ", "--1", "1..2"],
        *["1e", "1e1.5", "e3", ".", "m", "Gi", "١", "1_000", "1,5", "0x1", "inf", "nan", "1e999999999"],
        *[float("inf"), float("nan"), None, True, [], {}, 10**100],
    ],
)
def test_what_is_no_quantity_is_none(written: object) -> None:
    assert amount(written) is None


@pytest.mark.parametrize(
    ("text", "content"), [("", b""), ("YQ==", b"a"), ("YW\nJj", b"abc"), ("YWJj\r\n", b"abc"), ("/+8=", b"\xff\xef")]
)
def test_base64_is_read_as_servers_read_it(text: str, content: bytes) -> None:
    assert decoded(text) == content


@pytest.mark.parametrize("text", ["YQ", "YQ=", "Y", "Y!==", "_-8=", "YQ==YQ==", "=", "ü", " YQ==", None, 1, b"YQ=="])
def test_what_is_no_base64_is_none(text: object) -> None:
    assert decoded(text) is None
