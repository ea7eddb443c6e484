"""Settings come from the environment; a typo ends the service at its start, and is named."""

from dataclasses import asdict

import pytest

from hooks import settings
from hooks.api.protocol import ApplyStrategy
from hooks.settings import InvalidSetting, Settings
from tests.http.conftest import refusal_to_start

OTHERS = {
    "apply_strategy": ("dynamic-apply", ApplyStrategy.DYNAMIC_APPLY),
    "field_manager": ("config-controller", "config-controller"),
    "require_consent": ("true", True),
    "require_target_consent": ("true", True),
    "max_request_bytes": ("1", 1),
    "max_in_flight_bytes": ("2", 2),
    "retry_after_seconds": ("3", 3),
    "body_timeout_seconds": ("4", 4),
    "body_patience_seconds": ("5", 5),
    "head_timeout_seconds": ("6", 6),
    "max_connections": ("7", 7),
    "shutdown_seconds": ("8", 8),
    "host": ("127.0.0.1", "127.0.0.1"),
    "port": ("9", 9),
    "bearer_token_file": ("/tokens/hook", "/tokens/hook"),
    "tls_certificate_file": ("/tls/tls.crt", "/tls/tls.crt"),
    "tls_key_file": ("/tls/tls.key", "/tls/tls.key"),
    "client_ca_file": ("/tls/ca.crt", "/tls/ca.crt"),
}
"""Another value than the default for each setting: as it is written, and as it is used."""


def test_what_is_not_set_has_its_default() -> None:
    assert settings.read({"PATH": "/bin", "max_request_bytes": "1"}) == Settings()


def test_each_setting_is_the_variable_of_its_upper_case() -> None:
    environment = {name.upper(): written for name, (written, _) in OTHERS.items()}
    used = {name: value for name, (_, value) in OTHERS.items()}
    assert asdict(settings.read(environment)) == used


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_value_is_not_the_default(name: str) -> None:
    assert OTHERS[name][1] != getattr(Settings(), name)


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("APPLY_STRATEGY", "client-side-apply", "Invalid enum value 'client-side-apply'"),
        ("MAX_REQUEST_BYTES", "512Mi", "Expected `int`, got `str`"),
        ("MAX_IN_FLIGHT_BYTES", "0", "Expected `int` >= 1"),
        ("RETRY_AFTER_SECONDS", "-1", "Expected `int` >= 1"),
        ("REQUIRE_CONSENT", "yes", "Expected `bool`, got `str`"),
        ("FIELD_MANAGER", "", "Expected `str` of length >= 1"),
        ("FIELD_MANAGER", "m" * 129, "Expected `str` of length <= 128"),
        ("PORT", "65536", "Expected `int` <= 65535"),
        ("PORT", "", "Expected `int`, got `str`"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(variable: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        settings.read({variable: value})

    assert str(refused.value) == f"Correct the environment variable {variable}: {reason}"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"),
        ("TLS_KEY_FILE", "TLS_CERTIFICATE_FILE"),
        ("CLIENT_CA_FILE", "TLS_CERTIFICATE_FILE"),
    ],
)
def test_a_setting_that_needs_another_one_says_so(given: str, missing: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        settings.read({given: "/tls/file"})

    assert str(refused.value) == f"Set the environment variable {missing}: {given} needs it"


def test_a_service_with_such_a_value_does_not_start_and_says_why() -> None:
    said = refusal_to_start(PORT="http")

    assert "Correct the environment variable PORT: Expected `int`, got `str`" in said
