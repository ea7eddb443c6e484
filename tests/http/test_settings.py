"""Settings come from the environment; a typo ends the service at its start, and is named."""

from dataclasses import asdict

import pytest

from hooks import settings
from hooks.api.protocol import ApplyStrategy
from hooks.settings import InvalidSetting
from tests.http.conftest import refusal_to_start

MEBIBYTE = 1024 * 1024


def test_what_is_not_set_has_a_default() -> None:
    assert asdict(settings.read({"PATH": "/bin", "max_request_bytes": "1"})) == {
        "apply_strategy": ApplyStrategy.SERVER_SIDE_APPLY,
        "field_manager": "metacontroller",
        "require_consent": False,
        "require_target_consent": False,
        "max_request_bytes": 512 * MEBIBYTE,
        "max_in_flight_bytes": 576 * MEBIBYTE,
        "retry_after_seconds": 1,
        "body_timeout_seconds": 60,
        "body_patience_seconds": 1,
        "head_timeout_seconds": 10,
        "max_connections": 1000,
        "shutdown_seconds": 30,
        "host": "0.0.0.0",  # noqa: S104, the pod's own address is not known
        "port": 8080,
        "bearer_token_file": "",
        "tls_certificate_file": "",
        "tls_key_file": "",
        "client_ca_file": "",
    }


def test_each_setting_is_the_variable_of_its_upper_case() -> None:
    environment = {
        "APPLY_STRATEGY": "dynamic-apply",
        "FIELD_MANAGER": "config-controller",
        "REQUIRE_CONSENT": "true",
        "REQUIRE_TARGET_CONSENT": "true",
        "MAX_REQUEST_BYTES": "1",
        "MAX_IN_FLIGHT_BYTES": "2",
        "RETRY_AFTER_SECONDS": "3",
        "BODY_TIMEOUT_SECONDS": "4",
        "BODY_PATIENCE_SECONDS": "5",
        "HEAD_TIMEOUT_SECONDS": "6",
        "MAX_CONNECTIONS": "7",
        "SHUTDOWN_SECONDS": "8",
        "HOST": "127.0.0.1",
        "PORT": "9",
        "BEARER_TOKEN_FILE": "/tokens/hook",
        "TLS_CERTIFICATE_FILE": "/tls/tls.crt",
        "TLS_KEY_FILE": "/tls/tls.key",
        "CLIENT_CA_FILE": "/tls/ca.crt",
    }

    assert asdict(settings.read(environment)) == {
        "apply_strategy": ApplyStrategy.DYNAMIC_APPLY,
        "field_manager": "config-controller",
        "require_consent": True,
        "require_target_consent": True,
        "max_request_bytes": 1,
        "max_in_flight_bytes": 2,
        "retry_after_seconds": 3,
        "body_timeout_seconds": 4,
        "body_patience_seconds": 5,
        "head_timeout_seconds": 6,
        "max_connections": 7,
        "shutdown_seconds": 8,
        "host": "127.0.0.1",
        "port": 9,
        "bearer_token_file": "/tokens/hook",
        "tls_certificate_file": "/tls/tls.crt",
        "tls_key_file": "/tls/tls.key",
        "client_ca_file": "/tls/ca.crt",
    }


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
