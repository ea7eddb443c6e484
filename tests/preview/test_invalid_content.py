"""Content that breaks a rule is named by the file and line of its manifest, without its values."""

from pathlib import Path

import pytest

from tests.preview.in_process import Run

NAMESPACES = """\
apiVersion: v1
kind: Namespace
metadata: {name: default}
---
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
"""


def syncer(rules: str, source: str = "sourceConfigMap") -> str:
    return f"""\
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata: {{name: team}}
spec:
  sourceNamespace: default
  {source}: settings
  targetNamespaces: [dev]
  validation: {rules}
"""


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: default
data:
  LEVEL: hush-loud
  app.yaml: |
    server:
      port: hush-1
     name: hush-2
  app.json: '{"port": "hush-3"}'
"""

SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: settings
  namespace: default
  annotations: {config.example.com/allow-sync-to: "*"}
stringData:
  user: hush-4
  app.json: |
    {"user":
     hush-5}
"""


def located(run: Run, folder: Path, rules: str, source: str, field: str) -> list[str]:
    """What the preview says with a line of the source's file, and nothing of its values."""
    (folder / "syncer.yaml").write_text(NAMESPACES + syncer(rules, field))
    (folder / "source.yaml").write_text(f"# The source.\n{source}")
    ended = run(folder, "--secrets", "--fail-on", "invalid-content")
    assert (ended.status, ended.complained) == (
        3,
        "--fail-on invalid-content: the content of ConfigMapSyncer team is not copied\n",
    )
    assert "hush" not in ended.printed
    prefix = f"- {folder}/"
    return [
        line.removeprefix(prefix) for line in ended.printed.splitlines() if line.startswith(prefix)
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "[{format: YAML, keys: [app.yaml]}]",
            (
                "source.yaml:12: ConfigMap default/settings: the value of app.yaml is not YAML "
                "(spec.validation[0])"
            ),
        ),
        (
            "[{format: JSON, keys: ['*.json'], schema: {properties: {port: {type: integer}}}}]",
            (
                "source.yaml:13: ConfigMap default/settings: the value of app.json does not "
                "satisfy type of the schema at /port (spec.validation[0])"
            ),
        ),
        (
            "[{schema: {required: [LEVEL]}}, {schema: {properties: {LEVEL: {enum: [info]}}}}]",
            (
                "source.yaml:8: ConfigMap default/settings: it does not satisfy enum of the "
                "schema at /LEVEL (spec.validation[1])"
            ),
        ),
        (
            "[{format: PEM, keys: [ca.crt]}]",
            (
                "source.yaml:2: ConfigMap default/settings: it has no key ca.crt to copy "
                "(spec.validation[0])"
            ),
        ),
    ],
)
def test_the_line_of_a_configmap_s_manifest_is_named(
    run: Run, tmp_path: Path, rules: str, expected: str
) -> None:
    assert located(run, tmp_path, rules, CONFIG_MAP, "sourceConfigMap") == [expected]


def test_the_line_of_a_secret_s_manifest_is_named(run: Run, tmp_path: Path) -> None:
    found = located(run, tmp_path, "[{format: JSON, keys: [app.json]}]", SECRET, "sourceSecret")

    assert found == [
        (
            "source.yaml:12: Secret default/settings: the value of app.json is not JSON "
            "(spec.validation[0])"
        )
    ]


def test_content_that_satisfies_every_rule_is_copied(run: Run) -> None:
    given = NAMESPACES + syncer("[{format: YAML, keys: [LEVEL]}]") + f"---\n{CONFIG_MAP}"

    assert run("-", "--fail-on", "invalid-content", given=given).status == 0


def test_content_from_standard_input_has_a_line_too(run: Run) -> None:
    given = NAMESPACES + syncer("[{format: JSON, keys: [LEVEL]}]") + f"---\n{CONFIG_MAP}"
    ended = run("-", given=given)

    assert ended.status == 1
    assert "- standard input:24: ConfigMap default/settings: the value of LEVEL is not JSON" in (
        ended.printed
    )
