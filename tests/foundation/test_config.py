"""Settings: known keys only, parsed once, wrong values named."""

from pathlib import Path

import pytest

from signer.config import load_settings, read_secret
from signer.errors import ConfigError


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    """A variable is what the operator typed last."""
    (tmp_path / "settings.toml").write_text('hsm_sessions = 3\nemail_domains = ["a.vn"]\n')
    read = load_settings({"SIGNER_HOME": str(tmp_path), "SIGNER_HSM_SESSIONS": "5"})
    assert read.hsm_sessions == 5
    assert read.email_domains == ("a.vn",)
    assert read.home == tmp_path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hsm_session = 3", "hsm_session"),
        ('hsm_sessions = "many"', "hsm_sessions"),
        ("demo = 3", "demo"),
        ("demo = [", "settings.toml"),
        ("period_closing_day = 0", "“period_closing_day” phải là một ngày từ 1 đến 31"),
        ("period_closing_day = 32", "không phải 32"),
        ('signature_level = "b-x"', "“signature_level” phải là một trong: b-b, b-t, b-lt, b-lta"),
        ('tsa_failure = "wait"', "“tsa_failure” phải là một trong: refuse, sign_without"),
        ("tsa_seconds = 0", "“tsa_seconds” phải lớn hơn 0"),
        ("tsa_seconds = nan", "“tsa_seconds” phải lớn hơn 0, không phải nan"),
        ("tsa_tries = 0", "“tsa_tries” phải lớn hơn 0"),
        ("tsa_at_once = -1", "“tsa_at_once” phải lớn hơn 0, không phải -1"),
        ("restamp_days = 0", "“restamp_days” phải lớn hơn 0"),
        ("batch_limit = 0", "“batch_limit” phải lớn hơn 0"),
        ("activation_minutes = 0", "“activation_minutes” phải lớn hơn 0"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, named: str) -> None:
    """At start, not at first use."""
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_settings({"SIGNER_HOME": str(tmp_path)})
    assert named in str(refused.value)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Its mode is checked each time it is read."""
    file = tmp_path / "secret.key"
    file.write_text("a" * 64)
    file.chmod(0o644)
    with pytest.raises(ConfigError):
        read_secret(file)
    file.chmod(0o600)
    assert read_secret(file) == "a" * 64
