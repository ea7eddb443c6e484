"""Settings from the environment, read once and checked, so that a typo fails at the start.

Every setting has a default that suits the shipped Deployment; docs/settings.md lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Final

import msgspec

from hooks.api.options import HookOptions
from hooks.api.protocol import ApplyStrategy

# Kubernetes, `FieldManagerNameMaxLength`.
_FieldManager = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Positive = Annotated[int, msgspec.Meta(ge=1)]
# A setting that is of no use without another one.
_NEEDED: Final = {
    "tls_certificate_file": "tls_key_file",
    "tls_key_file": "tls_certificate_file",
    "client_ca_file": "tls_certificate_file",
}
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class InvalidSetting(ValueError):
    """An environment variable has a value that cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set from outside; the variable of a field is its name in upper case.

    `apply_strategy` must say the same as Metacontroller's flag `--apply-strategy`, which no
    request tells, and `field_manager` the name under which it writes. Sizes are bytes: the limit
    of one body keeps a mistake from filling the memory, the limit of all bodies in flight keeps
    many syncers from doing so together; it is larger, so that the largest body leaves room for
    others. A file is named by its path; empty means that there is none.
    """

    apply_strategy: ApplyStrategy = ApplyStrategy.SERVER_SIDE_APPLY
    field_manager: _FieldManager = "metacontroller"
    require_consent: bool = False
    require_target_consent: bool = False
    max_request_bytes: _Positive = 512 * 1024 * 1024
    max_in_flight_bytes: _Positive = 576 * 1024 * 1024
    retry_after_seconds: _Positive = 1
    body_timeout_seconds: _Positive = 60
    body_patience_seconds: _Positive = 1
    head_timeout_seconds: _Positive = 10
    max_connections: _Positive = 1000
    shutdown_seconds: _Positive = 30
    host: str = "0.0.0.0"  # noqa: S104 - a Service reaches the pod on the pod's own address
    port: _Port = 8080
    bearer_token_file: str = ""
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    client_ca_file: str = ""

    @property
    def options(self) -> HookOptions:
        """What of it decisions depend on: the settings that HookOptions has, too."""
        same = {field.name for field in fields(HookOptions)} - {"strategy"}
        return HookOptions(
            strategy=self.apply_strategy, **{name: getattr(self, name) for name in same}
        )


def read(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment; variables of other names are left alone.

    Raises InvalidSetting.
    """
    variables = {field.name.upper(): field.name for field in fields(Settings)}
    given = {name: environment[v] for v, name in variables.items() if v in environment}
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, field_name = str(error).rpartition(" - at `$.")
        variable = field_name.rstrip("`").upper()
        raise InvalidSetting(f"Correct the environment variable {variable}: {reason}") from None
    for name, needed in _NEEDED.items():
        if getattr(settings, name) and not getattr(settings, needed):
            raise InvalidSetting(
                f"Set the environment variable {needed.upper()}: {name.upper()} needs it"
            )
    return settings
