"""One key for a repository however it is addressed, and no credential in any message."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.adapters.git_remote import redact, remote_key

HOSTED = [
    "https://github.com/team/models.git",
    "https://github.com/team/models",
    "https://github.com/team/models/",
    "https://user:token@GitHub.com:443/team/models.git",
    "ssh://git@github.com/team/models.git",
    "ssh://git@github.com:2222/team/models.git",
    "git@github.com:team/models.git",
    "github.com:team/models",
    "git@github.com:/team/models.git",
    "git://github.com/team/models.git",
]


@pytest.mark.parametrize("url", HOSTED)
def test_S1_user_scheme_port_and_suffix_make_no_difference(url: str) -> None:
    assert remote_key(url, Path("/work")) == "github.com/team/models"


@pytest.mark.parametrize("template", ["{}", "file://{}", "../{name}", "{}/"])
def test_S1_local_remote_is_known_by_its_real_path(tmp_path: Path, template: str) -> None:
    real = tmp_path / "real.git"
    (tmp_path / "clone").mkdir()
    real.mkdir()
    (tmp_path / "link.git").symlink_to(real)
    url = template.format(tmp_path / "link.git", name="link.git")
    assert remote_key(url, tmp_path / "clone") == str(real.resolve())


def test_address_of_a_brackets_host_is_a_host() -> None:
    assert remote_key("ssh://git@[::1]:22/a/b.git", Path("/")) == "[::1]/a/b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fatal: https://me:s3cret@host/x.git", "fatal: https://***@host/x.git"),
        ("https://t0ken@host/x", "https://***@host/x"),
        ("ssh://git:s3cret@host/x", "ssh://git:***@host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("git@host:a/b", "git@host:a/b"),
        ("mail a@b.example", "mail a@b.example"),
    ],
)
def test_credentials_are_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(st.text(max_size=60))
def test_any_address_has_a_key(url: str) -> None:
    if "\0" not in url:
        assert isinstance(remote_key(url, Path("/")), str)
