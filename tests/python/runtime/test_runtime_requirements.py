"""What can't be pinned is found in requirements.txt, all of it at once, with its lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.errors import UsageError
from model_devops.runtime.requirements import included, read


def problems_of(tmp_path: Path, text: str) -> list[tuple[int | None, str]]:
    (tmp_path / "requirements.txt").write_text(text)
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "requirements.txt")
    assert all(problem.file for problem in caught.value.problems)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_B3_all_that_cannot_be_pinned_is_told_at_once_with_its_line(tmp_path: Path):
    found = problems_of(
        tmp_path,
        "numpy>=1.26  # fine\n"
        "-e .\n"
        "./wheels/a-1.0-py3-none-any.whl\n"
        "git+https://example.org/x.git@main#egg=x\n"
        "name @ file:///tmp/x.whl\n"
        "\n"
        "--index-url https://user:password@example.org/simple\n"
        "not a requirement!!\n"
        "--unheard-of yes\n"
        "x @ git+ssh://git@example.org/x.git\n"
        "--find-links wheels\n"
        "https://example.org/x-1.0.tar.gz\n",
    )
    assert [line for line, _ in found] == [2, 3, 4, 5, 7, 8, 9, 10, 11, 12]
    assert not any("password" in message for _, message in found)


def test_B3_a_credential_by_variable_is_kept_as_written(tmp_path: Path):
    file = tmp_path / "requirements.txt"
    file.write_text("-i https://${USER_NAME}:${INDEX_PASSWORD}@example.org/simple\nnumpy\n")
    assert read(file).options == ["--index-url https://${USER_NAME}:${INDEX_PASSWORD}@example.org/simple"]


def test_B3_includes_are_read_and_belong_to_the_runtime_as_written(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "requirements.txt").write_text("-r sub/base.txt\n--constraint=limits.txt\nnumpy\n")
    (tmp_path / "sub" / "base.txt").write_text("-r ../requirements.txt\nscipy\n")
    (tmp_path / "limits.txt").write_text("scipy<2\n")
    file = tmp_path / "requirements.txt"
    assert [path.name for path in included(file)] == ["requirements.txt", "base.txt", "limits.txt"]
    assert sorted(requirement.name for requirement, _ in read(file).requirements) == ["numpy", "scipy"]


def test_an_include_that_is_missing_or_far_away_is_named(tmp_path: Path):
    found = problems_of(tmp_path, "-r none.txt\n-r https://example.org/r.txt\n")
    assert "can't be read: No such file" in found[0][1]
    assert "https://example.org/r.txt" in found[1][1]


def test_continued_lines_hashes_markers_and_extras_are_understood(tmp_path: Path):
    file = tmp_path / "requirements.txt"
    file.write_bytes(
        b"\xef\xbb\xbf# -e comment \\\nnumpy==1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n"
        b'tomli[a, b]>=1; python_version < "3.11" # why\r\n--pre\nx @ https://example.org/x.whl#sha256=00\n'
    )
    assert [str(requirement.name) for requirement, _ in read(file).requirements] == ["numpy", "tomli", "x"]
    assert read(file).requirements[1][1] == "requirements.txt:5"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    file = tmp_path_factory.getbasetemp() / "fuzzed-requirements.txt"
    file.write_bytes(data)
    try:
        read(file)
    except UsageError as error:
        assert error.problems


@given(
    st.lists(
        st.sampled_from(["-r", "-e", "--index-url", "a", "==1", " @ ", "https://", "u:p@h", "\\\n", ";", "#", "["])
    )
)
def test_any_mixture_of_known_parts_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, parts: list[str]):
    test_any_bytes_are_read_or_refused.hypothesis.inner_test(tmp_path_factory, "".join(parts).encode())
