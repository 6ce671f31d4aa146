"""Keys for tests, made as a user makes them."""

from pathlib import Path

import pytest

from model_devops.adapters import keys


class Key:
    """A private key in a file, and its public part in another one."""

    def __init__(self, folder: Path, name: str, kind: keys.Kind = "p256", password: str | None = None) -> None:
        self.file, self.public = folder / f"{name}.key", folder / f"{name}.pub"
        made = keys.create(self.file, kind, password)
        self.pem, self.fingerprint = made.pem, made.fingerprint
        self.public.write_text(f"# {name}\n{made.pem}")
        self.environment = {keys.KEY: str(self.file)} | ({keys.PASSWORD: password} if password else {})

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sign with it in this process from now on."""
        for name in (keys.KEY, keys.PASSWORD):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
