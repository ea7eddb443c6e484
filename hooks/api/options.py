"""What the service is set to, as far as a decision depends on it."""

from dataclasses import dataclass

from hooks.api.protocol import ApplyStrategy


@dataclass(frozen=True, slots=True)
class HookOptions:
    """How Metacontroller writes, who must consent apart from the syncer's author, what fits.

    The consents are those of ConfigMaps' owners (that of a Secret's is always needed) and of the
    receiving namespaces'. Under the name `field_manager` Metacontroller writes.
    """

    strategy: ApplyStrategy = ApplyStrategy.SERVER_SIDE_APPLY
    field_manager: str = "metacontroller"
    require_consent: bool = False
    require_target_consent: bool = False
    max_request_bytes: int = 512 * 1024 * 1024
