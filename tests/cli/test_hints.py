"""A preview says what is missing from its input, and what to do about it."""

import pytest

from tests.preview.in_process import OBJECTS, SYNCER, Run, runner

SECRET_SYNCER = SYNCER.replace("sourceConfigMap", "sourceSecret")
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: settings, namespace: shared, annotations: {config.example.com/allow-sync-to: dev}}
stringData: {password: MARKER}
"""
MISPLACED = OBJECTS.replace("namespace: shared", "labels: {a: b}")


@pytest.fixture
def preview(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process."""
    return runner(monkeypatch)


def test_the_option_for_secrets_is_named_where_it_is_what_is_missing(preview: Run) -> None:
    given = f"{SECRET_SYNCER}---\n{SECRET}---\n{OBJECTS}"
    hint = (
        "Previewed without Secrets, which --secrets enables, as metacontroller/components/secrets "
        "does in a cluster: team\n"
    )
    done = preview("-", given=given)
    assert done.status == 1
    assert hint in done.printed
    assert "--secrets" not in preview("-", "--secrets", given=given).printed


@pytest.mark.parametrize("output", ["table", "diff", "plan"])
def test_a_source_whose_manifest_names_no_namespace_is_pointed_out(
    preview: Run, output: str
) -> None:
    given = f"{SYNCER}---\n{MISPLACED}"
    hint = (
        "ConfigMap settings names no namespace and is taken to be in default, and team looks for "
        "it in shared: set its metadata.namespace, or use -n\n"
    )
    assert hint in preview("-", "-o", output, given=given).printed
    there = preview("-", "-n", "shared", "-o", output, given=given)
    assert (there.status, "names no namespace" in there.printed) == (0, False)


@pytest.mark.parametrize(
    "selector",
    [
        "{tier: 1}",
        "{matchLabels: {on: true}}",
        "{matchExpressions: [{key: a, operator: In, values: [1]}]}",
    ],
)
def test_a_word_of_a_selector_that_is_no_string_has_to_be_put_in_quotes(
    preview: Run, selector: str
) -> None:
    given = SYNCER.replace("targetNamespaces: [dev]", f"namespaceSelector: {selector}")
    done = preview("-", given=f"{given}---\n{OBJECTS}")
    assert "put it in quotes" in done.printed + done.complained


@pytest.mark.parametrize(
    "template",
    [
        SYNCER.replace("[dev]", "[{{ .Values.namespace }}]"),
        SYNCER.replace("name: team", 'name: "{{ .Release.Name }}"'),
        "{{- if .Values.enabled }}\n" + SYNCER + "{{- end }}\n",
        SYNCER + '  targetLabels:\n    {{- include "labels" . | nindent 4 }}\n',
    ],
)
def test_an_unrendered_helm_template_is_recognized(preview: Run, template: str) -> None:
    done = preview("-", given=template)
    assert (done.status, done.printed) == (2, "")
    assert done.complained.splitlines()[0].endswith(
        'this looks like an unrendered Helm template: preview the output of "helm template"'
    )


def test_a_template_in_the_data_of_a_configmap_is_not_taken_for_one_of_helm(preview: Run) -> None:
    other = OBJECTS.replace("level: info", "level: '{{ .Labels }}'").replace("prod", "PROD")
    done = preview("-", given=f"{SYNCER}---\n{other}")
    assert done.status == 2
    assert "Helm" not in done.complained
