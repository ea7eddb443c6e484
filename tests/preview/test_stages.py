"""The preview shows in which stages a change reaches the targets, as the hook decides it."""

import re
from pathlib import Path

import pytest

from hooks.preview.output import rollout_report
from hooks.preview.stages import PreviewedStage, StagedRollout
from tests.preview.in_process import Run

NAMESPACES = "".join(
    f"---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{tier: {tier}}}}}\n"
    for name, tier in (("dev", "none"), ("qa", "none"), ("staging", "early"), ("prod", "none"))
)
SOURCE = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shared}
data: {level: info}
"""
STAGES = """\
      - {name: canary, targetNamespaces: [dev, qa], soakSeconds: 600}
      - {name: early, namespaceSelector: {tier: early}, approval: Manual}
      - {name: everyone-else}
"""
SYNCER = """\
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata: {name: team}
spec:
  sourceNamespace: shared
  sourceConfigMap: settings
  targetNamespaces: [dev, qa, staging, prod]
  rollout:
    stages:
"""
GIVEN = NAMESPACES + SOURCE + SYNCER + STAGES
CHANGED = SOURCE.replace("info", "debug")
HEADING = "Stages of team, if nothing fails and every approval is given:"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
    file.write_text(text)
    return file


def stages_in(printed: str) -> list[str]:
    """The section about the stages, without the spaces of its columns."""
    sections = [each for each in printed.split("\n\n") if each.startswith("Stages of")]
    return [" | ".join(filter(None, line.split("   "))) for line in "\n".join(sections).split("\n")]


def rows(printed: str) -> list[list[str]]:
    """The rows below the heading and the names of the columns."""
    return [[cell.strip() for cell in line.split(" | ")] for line in stages_in(printed)[2:]]


@pytest.mark.parametrize("output", ["plan", "table", "wide", "diff"])
@pytest.mark.parametrize("strategy", ["server-side-apply", "dynamic-apply"])
def test_a_changed_content_reaches_one_stage_after_the_other(
    run: Run, tmp_path: Path, output: str, strategy: str
) -> None:
    given, changed = written(tmp_path, GIVEN), written(tmp_path, CHANGED)
    ended = run(given, "--change", changed, "-o", output, "--apply-strategy", strategy)

    assert ended.status == 0
    assert "Problems" not in ended.printed
    assert stages_in(ended.printed)[0] == HEADING
    assert rows(ended.printed) == [
        ["canary", "2", "dev, qa", "soaks for 10 minutes"],
        ["early", "1", "staging", "waits for approval"],
        ["everyone-else", "1", "prod", "is complete"],
    ]


def test_objects_are_those_of_the_stage_where_the_rollout_waits_first(
    run: Run, tmp_path: Path
) -> None:
    given, changed = written(tmp_path, GIVEN), written(tmp_path, CHANGED)
    printed = run(given, "--change", changed, "-o", "yaml").printed

    # The source, its revision, and the copies of the first stage.
    assert printed.count("level: debug") == 4
    assert printed.count("soakSeconds: 600") == 1
    assert "Stages of" not in printed


def test_a_stage_can_soak_and_need_approval_and_the_last_one_soaks_before_the_end(
    run: Run, tmp_path: Path
) -> None:
    stages = STAGES.replace("soakSeconds: 600", "soakSeconds: 90, approval: Manual").replace(
        "everyone-else", "everyone-else, soakSeconds: 86400"
    )
    given = written(tmp_path, NAMESPACES + SOURCE + SYNCER + stages)
    ended = run(given, "--change", written(tmp_path, CHANGED), "-o", "plan")

    assert [row[-1] for row in rows(ended.printed)] == [
        "soaks for 90 seconds, then waits for approval",
        "waits for approval",
        "soaks for 1 day, then is complete",
    ]


def test_a_stage_in_which_nothing_holds_the_content_waits_for_approval(
    run: Run, tmp_path: Path
) -> None:
    stages = f"      - {{name: nobody, targetNamespaces: [nowhere], soakSeconds: 60}}\n{STAGES}"
    given = written(tmp_path, NAMESPACES + SOURCE + SYNCER + stages)
    ended = run(given, "--change", written(tmp_path, CHANGED), "-o", "plan")

    why = "waits for approval, because no target of the stage holds the content"
    assert rows(ended.printed)[0] == ["nobody", "0", why]
    assert [row[0] for row in rows(ended.printed)] == ["nobody", "canary", "early", "everyone-else"]


@pytest.mark.parametrize(
    ("first", "waits"),
    [
        ("{name: nobody, targetNamespaces: [nowhere], soakSeconds: 5}", "approval of its rollout"),
        ("{name: first, targetNamespaces: [dev], approval: Manual}", "approval of its rollout"),
        ("{name: first, targetNamespaces: [dev], soakSeconds: 60}", "the end of a soak"),
    ],
)
def test_copies_that_wait_for_their_stage_are_not_said_to_wait_for_a_write(
    run: Run, tmp_path: Path, first: str, waits: str
) -> None:
    given = written(tmp_path, f"{NAMESPACES}{SOURCE}{SYNCER}      - {first}\n{STAGES}")
    done = run(given, "--change", written(tmp_path, CHANGED))
    (section,) = (
        s for s in done.printed.split("\n\n") if s.startswith("Waiting for time to pass:")
    )
    assert section.strip() == f"Waiting for time to pass:\n- team waits for {waits}"


def test_a_target_that_can_take_no_copy_is_in_no_stage(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path, GIVEN.replace("prod]", "prod, gone]"))
    ended = run(given, "--change", written(tmp_path, CHANGED), "-o", "plan")

    assert rows(ended.printed)[-1] == ["everyone-else", "1", "prod", "is complete"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(SOURCE.replace("{name: s", "{labels: {a: b}, name: s"), id="no content"),
        pytest.param(
            f"{SYNCER}{STAGES}  targetLabels: {{a: b}}\n",
            id="labels of the copies",
        ),
        pytest.param(
            f"{CHANGED}{SYNCER}{STAGES}".partition("  rollout:")[0], id="the rollout is removed"
        ),
        pytest.param(SYNCER + STAGES.replace("600", "700"), id="other stages"),
    ],
)
def test_what_goes_everywhere_at_once_has_no_stages(run: Run, tmp_path: Path, change: str) -> None:
    ended = run(written(tmp_path, GIVEN), "--change", written(tmp_path, change), "-o", "plan")

    assert ended.status != 2, ended.complained
    assert "Stages of" not in ended.printed


def test_the_first_content_of_a_syncer_has_no_stages(run: Run, tmp_path: Path) -> None:
    assert "Stages of" not in run(written(tmp_path, GIVEN), "-o", "plan").printed


def test_a_suspended_rollout_has_stages_in_the_plan_alone(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path, f"{GIVEN}  suspend: true\n")
    changed = written(tmp_path, CHANGED)
    # What it holds before is what the syncer gave it before it was suspended.
    at_rest = written(tmp_path, run(written(tmp_path, GIVEN), "-o", "yaml").printed)
    suspended = written(tmp_path, f"{SYNCER}{STAGES}  suspend: true\n{CHANGED}")

    assert "Stages of" not in run(given, "--change", changed).printed
    planned = run(at_rest, "--change", suspended, "-o", "plan")
    assert [row[0] for row in rows(planned.printed)] == ["canary", "early", "everyone-else"]
    assert "Stages of" not in run(at_rest, "--change", suspended).printed


def test_a_rollout_on_its_way_has_the_stages_that_are_left(run: Run, tmp_path: Path) -> None:
    given, changed = written(tmp_path, GIVEN), written(tmp_path, CHANGED)
    soaking = written(tmp_path, run(given, "--change", changed, "-o", "yaml").printed)

    assert rows(run(soaking, "-o", "plan").printed) == [
        ["canary", "0", "soaks for 10 minutes"],
        ["early", "1", "staging", "waits for approval"],
        ["everyone-else", "1", "prod", "is complete"],
    ]


def test_a_rollout_that_is_halted_says_that_what_follows_is_not_known(
    run: Run, tmp_path: Path
) -> None:
    given, changed = written(tmp_path, GIVEN), written(tmp_path, CHANGED)
    soaking = run(given, "--change", changed, "-o", "yaml").printed
    (revision,) = re.findall(r"updateRevision: (team-\S+)", soaking)
    both = written(tmp_path, failing("dev", revision) + CHANGED)
    ended = run(written(tmp_path, soaking), "--change", both, "-o", "plan")

    assert "Stages of" not in ended.printed
    shown = run(given, "--change", both, "-o", "table")
    assert shown.status == 1
    assert (
        "- team waits for a correction of its source, or approval of its rollout\n" in shown.printed
    )
    halting = run(given, "--change", both, "-o", "plan")
    assert stages_in(halting.printed)[2:] == [
        "canary | 2 | dev, qa",
        "What follows is not known: the rollout is Halted.",
    ]


@pytest.mark.parametrize(
    ("also_failing", "stages"),
    [
        (
            "",
            [
                ["canary", "0", "soaks for 10 minutes"],
                ["early", "1", "staging", "waits for approval"],
                ["everyone-else", "1", "prod", "is complete"],
            ],
        ),
        ("qa", []),
    ],
)
def test_a_halt_that_was_approved_stops_nothing_until_another_namespace_fails(
    run: Run, tmp_path: Path, also_failing: str, stages: list[list[str]]
) -> None:
    given, changed = written(tmp_path, GIVEN), written(tmp_path, CHANGED)
    soaking = run(given, "--change", changed, "-o", "yaml").printed
    (revision,) = re.findall(r"updateRevision: (team-\S+)", soaking)
    halted = run(
        written(tmp_path, soaking),
        "--change",
        written(tmp_path, failing("dev", revision)),
        "-o",
        "yaml",
    ).printed
    (token,) = re.findall(r"approvalToken: '?([0-9a-f]+)", halted)
    approved = SYNCER.replace(
        "{name: team}",
        f"{{name: team, annotations: {{config.example.com/approve-rollout: '{token}'}}}}",
    )
    approving = written(tmp_path, approved + STAGES + failing(also_failing, revision))
    ended = run(written(tmp_path, halted), "--change", approving, "-o", "plan")

    assert rows(ended.printed) == stages


def failing(namespace: str, revision: str) -> str:
    """A Namespace in which an update is reported to fail."""
    if not namespace:
        return ""
    annotations = f"{{config.example.com/rollout-failed: {revision}}}"
    metadata = f"{{annotations: {annotations}, name: {namespace}}}"
    return f"---\napiVersion: v1\nkind: Namespace\nmetadata: {metadata}\n"


def test_many_namespaces_are_counted() -> None:
    names = tuple(f"team-{number:02}" for number in range(12))
    stages = (
        PreviewedStage("", (), needs_approval=True),
        PreviewedStage("canary", names, soak_seconds=3_600),
    )
    (section,) = rollout_report.sections([StagedRollout("team", stages)])

    assert rows(section) == [
        ["(before the first)", "0", "waits for approval"],
        [
            "canary",
            "12",
            f"{', '.join(names[:10])} and 2 more",
            "soaks for 1 hour, then is complete",
        ],
    ]


def test_a_revision_has_a_reason_of_its_own_and_is_no_copy_that_is_deleted(
    run: Run, tmp_path: Path
) -> None:
    given = written(tmp_path, GIVEN)
    removed = written(tmp_path, SYNCER.partition("  rollout:")[0])
    fail_on = ("--fail-on", "deletion")
    ended = [
        run(given, "--change", written(tmp_path, CHANGED), *fail_on),
        run(given, "--change", removed, *fail_on),
    ]

    assert [each.complained for each in ended] == ["", ""]
    assert [
        [line.split("   ")[-1] for line in each.printed.splitlines() if "shared/team" in line]
        for each in ended
    ] == [["stores the content for rollouts"], ["is a revision that is no longer needed"]]


def test_a_copy_that_is_labelled_as_a_revision_is_a_copy_that_is_deleted(
    run: Run, tmp_path: Path
) -> None:
    printed = run(written(tmp_path, GIVEN), "-o", "yaml").printed
    labelled = printed.replace(
        "      synced-by: team", "      config.example.com/revision-of: team"
    )
    assert labelled != printed
    ended = run(written(tmp_path, labelled), "--delete", "cmsync/team", "--fail-on", "deletion")

    assert "--fail-on deletion: ConfigMap dev/settings is deleted" in ended.complained
