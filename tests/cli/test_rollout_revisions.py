"""The stored revisions: which there are, which keys each changed, and what differs between two."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hooks.cli import main
from hooks.cli.parser import PLUGIN
from tests.cli import rollouts
from tests.cli.conftest import Plugin
from tests.cli.fake_kubectl import FakeKubectl
from tests.cli.rollouts import Settled, is_leaking, syncer_in
from tests.cli.test_status import TerminalStream

Revisions = dict[str, dict[str, Any]]


def revisions_in(cluster: FakeKubectl) -> Revisions:
    """The stable and the update revision; the update is a minute newer."""
    recorded = syncer_in(cluster.objects)["status"]["rollout"]
    found = {}
    for use, minute in (("stable", 1), ("update", 2)):
        name = recorded[f"{use}Revision"]
        (found[use],) = (o for o in cluster.objects if o["metadata"]["name"] == name)
        found[use]["metadata"]["creationTimestamp"] = f"2026-01-01T12:0{minute}:00Z"
    return found


@pytest.fixture(params=[False, True], ids=["ConfigMap", "Secret"])
def both(
    request: pytest.FixtureRequest, kubectl: FakeKubectl, settled: Settled, tmp_path: Path
) -> Revisions:
    """The two revisions of a ConfigMap, and then those of a Secret."""
    kubectl.objects = rollouts.changed(settled, tmp_path, is_secret=request.param)
    return revisions_in(kubectl)


@pytest.fixture
def stored(kubectl: FakeKubectl, settled: Settled, tmp_path: Path) -> Revisions:
    """The two revisions of a ConfigMap."""
    kubectl.objects = rollouts.changed(settled, tmp_path)
    return revisions_in(kubectl)


def names(revisions: Revisions) -> tuple[str, str]:
    return revisions["stable"]["metadata"]["name"], revisions["update"]["metadata"]["name"]


def test_the_history_has_the_newest_first_with_the_keys_that_changed(
    plugin: Plugin, both: Revisions
) -> None:
    stable, update = names(both)
    done = plugin("rollout", "history", "team")
    assert (done.status, done.complained) == (0, "")
    assert [line.split(maxsplit=3) for line in done.printed.splitlines()[1:]] == [
        [
            *(update, "2026-01-01T12:02:00Z", "update"),
            "new: new; changed: level and text; gone: old",
        ],
        [stable, "2026-01-01T12:01:00Z", "stable", "new: level, old and text"],
    ]
    assert not is_leaking(done.printed)


def test_a_history_needs_the_kind_of_the_source_in_its_namespace_alone(
    plugin: Plugin, kubectl: FakeKubectl, both: Revisions
) -> None:
    plugin("rollout", "history", "team")
    resource = f"{both['stable']['kind'].lower()}s"
    assert kubectl.calls == [
        ["get", "configmapsyncers.config.example.com", "team", "--output=json"],
        [
            *("get", resource, "--namespace=shared"),
            *("--selector=config.example.com/revision-of=team", "--output=json"),
        ],
    ]
    kubectl.forbidden = [resource]
    done = plugin("rollout", "history", "team")
    assert (done.status, done.printed) == (2, "")
    assert f'needs the verb "list" on the resource "{resource}"' in done.complained


def test_what_a_revision_is_in_use_as_is_all_named(
    plugin: Plugin, kubectl: FakeKubectl, stored: Revisions
) -> None:
    stable, _ = names(stored)
    syncer = syncer_in(kubectl.objects)
    syncer["status"]["rollout"]["updateRevision"] = stable
    syncer["spec"]["pinnedRevision"] = stable
    done = plugin("rollout", "history", "team")
    assert "stable, update, pinned   new: level" in done.printed


def test_an_object_that_only_has_the_label_is_no_revision(
    plugin: Plugin, kubectl: FakeKubectl, stored: Revisions
) -> None:
    stable, update = names(stored)
    changes: list[dict[str, Any]] = [
        {"ownerReferences": []},
        {"deletionTimestamp": "2026-01-01T12:00:00Z"},
        {},
    ]
    for number, change in enumerate(changes):
        forged = json.loads(json.dumps(stored["stable"]))
        forged["metadata"] |= {"name": f"team-{number}", **change}
        forged["immutable"] = bool(change)
        kubectl.objects.append(forged)
    done = plugin("rollout", "history", "team")
    assert [line.split()[0] for line in done.printed.splitlines()[1:]] == [update, stable]
    done = plugin("rollout", "undo", "team", "--to-revision", "team-0", "--yes")
    assert (done.status, done.printed) == (2, "")
    assert done.complained == (
        "ConfigMap shared/team-0 is not stored as a revision of team; stored are: "
        f"{update} and {stable}\n"
    )


def test_revisions_of_one_second_are_in_the_order_in_which_they_were_stored(
    plugin: Plugin, stored: Revisions
) -> None:
    stable, update = names(stored)
    for use, version in (("stable", "9"), ("update", "10")):
        stored[use]["metadata"] |= {
            "creationTimestamp": "2026-01-01T12:00:00Z",
            "resourceVersion": version,
        }
    done = plugin("rollout", "history", "team")
    assert [line.split()[0] for line in done.printed.splitlines()[1:]] == [update, stable]


def test_one_revision_of_a_configmap_is_shown_with_its_values(
    plugin: Plugin, stored: Revisions
) -> None:
    _, update = names(stored)
    stored["update"]["binaryData"] = {"logo": "AAAA"}
    stored["update"]["data"]["level"] = "de\x1b[2Jbug"
    done = plugin("rollout", "history", "team", "--revision", update)
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        f"ConfigMap shared/{update}",
        "stored: 2026-01-01T12:02:00Z",
        "in use as: update",
        "keys: 4",
        "    level: de\\x1b[2Jbug",
        "    logo: (binary)",
        "    new: z",
        "    text:",
        "        a",
        "        c",
    ]


def test_of_a_secret_no_value_is_shown(plugin: Plugin, both: Revisions) -> None:
    stable, update = names(both)
    if both["stable"]["kind"] == "ConfigMap":
        return
    shown = plugin("rollout", "history", "team", "--revision", update)
    assert shown.printed.splitlines()[-3:] == [
        "    level: (hidden)",
        "    new: (hidden)",
        "    text: (hidden)",
    ]
    both["update"]["type"] = "example.com/other"
    differing = plugin("rollout", "diff", "team", stable, update)
    assert differing.printed.splitlines() == [
        *("type: Opaque -> example.com/other", "~ level", "+ new", "- old", "~ text"),
    ]
    undone = plugin("rollout", "undo", "team", "--yes")
    assert "new: old; changed: level and text; gone: new; another type\n" in undone.printed
    for done in (shown, differing, undone):
        assert (done.status, is_leaking(done.printed + done.complained)) == (0, False)


def test_a_diff_goes_from_the_stable_to_the_update_revision(
    plugin: Plugin, stored: Revisions
) -> None:
    stable, update = names(stored)
    done = plugin("rollout", "diff", "team")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.splitlines() == [
        *(f"--- {stable}/level", f"+++ {update}/level", "@@ -1 +1 @@", "-info", "+debug"),
        *("--- /dev/null", f"+++ {update}/new", "@@ -0,0 +1 @@", "+z"),
        *(f"--- {stable}/old", "+++ /dev/null", "@@ -1 +0,0 @@", "-x"),
        *(f"--- {stable}/text", f"+++ {update}/text", "@@ -1,2 +1,2 @@", " a", "-b", "+c"),
    ]
    assert plugin("rollout", "diff", "team", update).printed == done.printed
    assert plugin("rollout", "diff", "team", stable, update).printed == done.printed
    backwards = plugin("rollout", "diff", "team", update, stable).printed
    assert backwards.splitlines()[3:5] == ["-debug", "+info"]
    assert plugin("rollout", "diff", "team", stable).printed == (
        f"{stable} and {stable} are the same.\n"
    )


def test_what_differs_at_the_end_of_a_line_is_shown(plugin: Plugin, stored: Revisions) -> None:
    stored["stable"]["data"] = {"text": "a\nb"}
    stored["update"]["data"] = {"text": "a\r\nb\n"}
    done = plugin("rollout", "diff", "team")
    assert done.printed.splitlines()[3:] == [
        *("-a", "-b", "\\ No newline at end of file", "+a\\r", "+b"),
    ]


def test_a_large_text_is_shown_as_it_was_and_as_it_is(plugin: Plugin, stored: Revisions) -> None:
    stored["stable"]["data"] = {"text": "a\n" * 2_001}
    stored["update"]["data"] = {"text": "b\n"}
    done = plugin("rollout", "diff", "team")
    assert done.printed.splitlines()[2:4] == ["@@ -1,2001 +1,1 @@", "-a"]


def test_a_binary_value_that_differs_is_named(plugin: Plugin, stored: Revisions) -> None:
    for use, value in (("stable", "AAAA"), ("update", "BBBB")):
        stored[use] |= {"data": {}, "binaryData": {"logo": value}}
    assert plugin("rollout", "diff", "team").printed == "~ logo\n"


def test_without_a_stable_revision_two_have_to_be_named(
    plugin: Plugin, kubectl: FakeKubectl, stored: Revisions
) -> None:
    stable, update = names(stored)
    del syncer_in(kubectl.objects)["status"]["rollout"]["stableRevision"]
    done = plugin("rollout", "diff", "team")
    assert (done.status, done.complained) == (
        2,
        "ConfigMapSyncer team has no stable revision: name two revisions\n",
    )
    assert plugin("rollout", "diff", "team", stable, update).status == 0


def test_a_diff_on_a_terminal_is_coloured_and_takes_hold_of_nothing(
    kubectl: FakeKubectl, stored: Revisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored["stable"]["data"] = {"level": "info"}
    stored["update"]["data"] = {"level": "\x1b[2J"}
    kubectl.install(monkeypatch)
    stream = TerminalStream()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        patched.delenv("NO_COLOR", raising=False)
        assert main.main(["rollout", "diff", "team"], PLUGIN) == 0
    assert stream.getvalue().splitlines()[2:] == [
        "\x1b[1m@@ -1 +1 @@\x1b[0m",
        "\x1b[31m-info\x1b[0m",
        "\x1b[32m+\\x1b[2J\x1b[0m",
    ]


def test_a_history_without_revisions_says_so(
    plugin: Plugin, kubectl: FakeKubectl, stored: Revisions
) -> None:
    kubectl.objects = [syncer_in(kubectl.objects)]
    done = plugin("rollout", "history", "team")
    assert (done.status, done.complained) == (2, "ConfigMapSyncer team has no stored revision\n")
    done = plugin("rollout", "diff", "team", "team-1", "team-2")
    assert (done.status, done.complained) == (
        2,
        "ConfigMap shared/team-1 is not stored as a revision of team; stored is none\n",
    )
