"""A consent is read once, and a long list is as fast as a short one."""

from hypothesis import given
from hypothesis import strategies as st

from hooks.api.names import ACCEPT_SYNC_FROM, ALLOW_SYNC_TO
from hooks.api.protocol import KubernetesObject, ObjectMeta
from hooks.resolve import consent
from hooks.spec.validation import is_namespace_list, is_namespace_or_glob
from tests.fuzzing.work import counted

NAMES = [f"team-{number}" for number in range(1_000)]


def source(listed: str) -> KubernetesObject:
    annotations = {ALLOW_SYNC_TO: listed}
    return KubernetesObject(ObjectMeta("app-config", "default", annotations=annotations))


@given(st.text("aZ-*?, \t", max_size=12))
def test_a_list_is_well_formed_when_each_of_its_items_is(text: str) -> None:
    items = filter(None, map(str.strip, text.split(",")))

    expected = all(map(is_namespace_or_glob, items))

    assert is_namespace_list(text) is expected


def test_a_name_in_a_list_is_at_most_63_characters_long() -> None:
    for item in ("a" * 63, "*" + "a" * 62):
        assert is_namespace_list(f"b,{item}")
        assert not is_namespace_list(f"b,{item}a")


def test_a_consent_is_read_once_for_all_namespaces() -> None:
    found = source("team-1,team-2,prod-*")

    read = [consent.given(found, ALLOW_SYNC_TO) for _ in NAMES]

    assert all(each is read[0] for each in read)
    assert consent.given(found, ACCEPT_SYNC_FROM) is None
    assert consent.given(source("team-1"), ALLOW_SYNC_TO) is not read[0]


def test_a_long_list_takes_few_steps_for_each_item_and_each_namespace() -> None:
    def consents(listed: str) -> list[bool]:
        found = source(listed)
        given = [consent.given(found, ALLOW_SYNC_TO) for _ in NAMES]
        return [each.covers(name) for each, name in zip(given, NAMES, strict=True) if each]

    many = ",".join(f"team-{number}" for number in range(20_000))

    covered, lines = counted(lambda: consents(many))

    assert all(covered)
    assert lines < 5 * 20_000 + 20 * len(NAMES)
