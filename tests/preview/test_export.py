"""Objects are written for other tools, without any value of a Secret."""

import io
import json
from typing import Any

import pytest
import yaml

from hooks.preview.kubectl import LAST_APPLIED
from hooks.preview.output import export
from hooks.preview.simulator.objects import Object
from tests.preview.world import config_map


def written(how: str, *items: Object) -> str:
    to = io.StringIO()
    getattr(export, f"write_{how}")(items, to)
    return to.getvalue()


def read(how: str, text: str) -> Any:
    return yaml.safe_load(text) if how == "yaml" else json.loads(text)


@pytest.mark.parametrize("how", ["yaml", "json"])
def test_a_list_is_written_without_field_managers(how: str) -> None:
    text = "server:\n  port: 8080\n"
    item = config_map("a", "dev", {"managedFields": [{}]}, data={"t": text, "on": "true"})
    assert read(how, written(how, item, item)) == {
        "apiVersion": "v1",
        "kind": "List",
        "items": [config_map("a", "dev", data={"t": text, "on": "true"})] * 2,
    }


def test_yaml_shows_text_as_text_and_repeats_instead_of_referring() -> None:
    shared = {"t": "a: 1\nb: 2\n"}
    text = written("yaml", config_map("a", "dev", data=shared), config_map("b", "dev", data=shared))
    assert text.count("t: |\n      a: 1\n      b: 2\n") == 2
    assert "&" not in text


@pytest.mark.parametrize("how", ["yaml", "json"])
def test_no_value_of_a_secret_is_written(how: str) -> None:
    item = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "token",
            "namespace": "dev",
            "annotations": {
                LAST_APPLIED: '{"data":{"a":"TUFSS0VS"}}',
                "objectset.rio.cattle.io/applied": "TUFSS0VS",
                "config.example.com/source": "shared/token",
            },
        },
        "type": "Opaque",
        "data": {"a": "TUFSS0VS"},
    }
    text = written(how, item)
    assert "TUFSS0VS" not in text
    assert read(how, text)["items"][0]["data"] == {"a": "(hidden)"}
    assert read(how, text)["items"][0]["metadata"]["annotations"] == {
        LAST_APPLIED: "(hidden)",
        "objectset.rio.cattle.io/applied": "(hidden)",
        "config.example.com/source": "shared/token",
    }


@pytest.mark.parametrize("how", ["yaml", "json"])
def test_the_characters_of_a_value_cannot_control_the_terminal(how: str) -> None:
    text = written(how, config_map("a", "dev", data={"k": "\x1b[2J\x9b2J\r"}))
    assert not set("\x1b\x9b\r") & set(text)
    assert read(how, text)["items"][0]["data"] == {"k": "\x1b[2J\x9b2J\r"}
