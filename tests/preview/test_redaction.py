"""No value of a Secret is shown, not even where somebody else put it into a sentence."""

from hooks.preview.redaction import Redactor, redacted
from hooks.preview.simulator.objects import Object
from tests.preview.world import config_map

SECRET: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "token", "namespace": "dev"},
    "type": "Opaque",
    "data": {"a": "TUFSS0VSIE9ORQpNQVJLRVIgVFdP", "short": "eA==", "binary": "/////w=="},
}


def test_of_a_secret_the_keys_are_shown_and_nothing_is_changed_in_place() -> None:
    before = repr(SECRET)
    assert redacted(SECRET)["data"] == dict.fromkeys(("a", "short", "binary"), "(hidden)")
    assert repr(SECRET) == before


def test_a_config_map_is_shown_as_it_is() -> None:
    item = config_map("a", "dev", {"annotations": {"team": "x"}}, data={"k": "v"})
    assert redacted(item) is item


def test_a_sentence_loses_values_encoded_and_decoded_whole_and_by_line() -> None:
    redactor = Redactor([SECRET, config_map("a", "dev", data={"k": "kept"})])
    assert (
        redactor.clean("TUFSS0VSIE9ORQpNQVJLRVIgVFdP, MARKER ONE\nMARKER TWO, MARKER TWO, /////w==")
        == "(hidden), (hidden), (hidden), (hidden)"
    )
    assert redactor.clean("a sentence of x, kept") == "a sentence of x, kept"
