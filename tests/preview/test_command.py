"""`python -m hooks.preview` with the real hook: what it prints, and how it ends."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
SYNCER = """\
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: team
spec:
  sourceNamespace: shared
  sourceConfigMap: settings
  targetNamespaces: [dev, absent]
"""
SOURCE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: shared
data:
  password: do-not-print
"""
DEV = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: dev\n"


def preview(*arguments: str | Path, standard_input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hooks.preview", *map(str, arguments)],
        cwd=REPOSITORY,
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def masked(printed: str) -> list[str]:
    """Lines without the ages, which depend on how fast the machine is."""
    return [re.sub(r"\b\d+s\b", "0s", line).rstrip() for line in printed.splitlines()]


def test_the_examples_show_the_main_job_and_end_with_0() -> None:
    done = preview("examples/")
    assert (done.returncode, done.stderr) == (0, "")
    lines = masked(done.stdout)
    assert [line.split()[0] for line in lines[:3]] == [
        "NAME",
        "configmapsyncer-sample",
        "test-syncer",
    ]
    assert lines[3:] == [
        "",
        "COPY                  SYNCER                   RESULT    KEYS",
        *(
            f"{name:<22}configmapsyncer-sample   created   "
            "DATABASE_HOST, FEATURE_DARK_MODE, LOG_LEVEL, application.yaml"
            if name.endswith("app-config")
            else f"{name:<22}test-syncer              created   key1, key2"
            for name in (
                "dev/app-config",
                "dev/test-config",
                "prod/app-config",
                "staging/app-config",
                "staging/test-config",
            )
        ),
    ]


def test_the_sample_alone_makes_three_copies() -> None:
    names = ("namespaces", "configmap", "configmapsyncer")
    done = preview(*(EXAMPLES / f"{name}.yaml" for name in names))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines() if "created" in line] == [
        "dev/app-config",
        "prod/app-config",
        "staging/app-config",
    ]


def test_a_syncer_that_is_not_ready_ends_with_1_and_says_why_without_a_value() -> None:
    other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    done = preview("-", standard_input=f"{SYNCER}---\n{SOURCE}---\n{DEV}---\n{other}")
    assert (done.returncode, done.stderr) == (1, "")
    assert "do-not-print" not in done.stdout
    lines = masked(done.stdout)
    assert lines[2:5] == [
        "",
        "COPY           SYNCER   RESULT    KEYS",
        "dev/settings   team     created   password",
    ]
    assert lines[6] == "Not in order:"
    assert lines[7].startswith("- team: ")
    assert lines[8] == (
        "- team, namespace absent: NamespaceNotFound: The namespace does not exist; create it, "
        "or take it off spec.targetNamespaces."
    )
    assert lines[9:] == [
        "",
        "Assumed to exist, because ConfigMaps are in them: namespace shared",
        "",
        "Ignored: 1 object of other kinds than Namespace, ConfigMap and ConfigMapSyncer",
    ]


def test_bad_input_ends_with_2_and_names_every_mistake(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        SYNCER.replace("  sourceNamespace: shared\n", "")
        + "---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {port: 80}\n"
    )
    done = preview(file, tmp_path / "absent.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert any("bad.yaml, document 1 (line 1): ConfigMapSyncer team: " in line for line in lines)
    assert f"{tmp_path}/absent.yaml: no such file" in lines
    assert (
        f"{file}, document 2 (line 9): ConfigMap a: data[port]: must be a string, not a number: "
        "put it in quotes"
    ) in lines


@pytest.mark.parametrize("text", ["", SOURCE])
def test_input_without_a_syncer_ends_with_2(text: str) -> None:
    done = preview("-", standard_input=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "-: there is no ConfigMapSyncer to show\n"


def test_help_is_printed() -> None:
    done = preview("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m hooks.preview")
