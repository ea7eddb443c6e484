"""Command lines are completed: in the words of kubectl's protocol, and by the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.cli import completion
from tests.cli.conftest import Plugin
from tests.cli.fake_kubectl import ROOT, FakeKubectl

SYNCER = {
    "kind": "ConfigMapSyncer",
    "metadata": {"name": "team"},
    "spec": {"sourceNamespace": "shared", "sourceSecret": "settings"},
}
REVISIONS = [
    {
        "kind": "Secret",
        "metadata": {
            "name": f"team-{number}",
            "namespace": "shared",
            "labels": {"config.example.com/revision-of": "team"},
        },
    }
    for number in (1, 2)
]
NAMESPACES = [{"kind": "Namespace", "metadata": {"name": name}} for name in ("dev", "prod")]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, kubectl: FakeKubectl) -> None:
    """A cluster with a syncer and two namespaces; what completing leaves is taken back."""
    kubectl.objects = [SYNCER, *NAMESPACES, *REVISIONS]
    kubectl.install(monkeypatch)
    monkeypatch.setattr(os, "environ", os.environ.copy())


def answered(*words: str) -> tuple[list[str], str]:
    """The candidates without their descriptions, and the directive."""
    *lines, directive = completion.answer(words).split("\n")
    return [line.partition("\t")[0] for line in lines], directive


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        (
            [""],
            ["preview", "status", "rollout", "confirm-prune", "migrate", "completion"],
        ),
        (["st"], ["status"]),
        (["status", ""], ["team"]),
        (["confirm-prune", "t"], ["team"]),
        (
            ["rollout", ""],
            ["status", "history", "diff", "approve", "pause", "resume", "undo"],
        ),
        (["rollout", "re"], ["resume"]),
        (["rollout", "approve", ""], ["team"]),
        (["rollout", "status", "team", "-o", "y"], ["yaml"]),
        (["rollout", "diff", "team", ""], ["team-1", "team-2"]),
        (["rollout", "diff", "team", "team-1", ""], ["team-1", "team-2"]),
        (["rollout", "history", "team", "--revision", ""], ["team-1", "team-2"]),
        (["rollout", "undo", "team", "--to-revision", "team-2"], ["team-2"]),
        (["rollout", "undo", "absent", "--to-revision", ""], []),
        (["preview", "--out"], ["--output"]),
        (["preview", "-o", ""], ["table", "wide", "diff", "plan", "yaml", "json"]),
        (["status", "-o", "j"], ["json"]),
        (["preview", "-n", ""], ["dev", "prod"]),
        (["preview", "--context", ""], ["one", "two"]),
        (["preview", "--delete", ""], ["cm/", "cmsync/", "ns/", "secret/"]),
        (["preview", "--delete", "ns/"], ["ns/dev", "ns/prod"]),
        (["preview", "--delete", "pod/"], []),
        (["preview", "--fail-on", "ch"], ["change"]),
        (["preview", "--fail-on", "change,de"], ["change,deletion"]),
        (["migrate", "--from", ""], ["reflector", "replicator", "trust-manager"]),
        (["migrate", "-o", ""], ["report", "script", "yaml", "json"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_kubectl_gets_the_candidates_and_no_files(words: list[str], candidates: list[str]) -> None:
    assert answered(*words) == (candidates, ":4")


@pytest.mark.parametrize("words", [["preview", ""], ["preview", "--change", ""]])
def test_for_a_path_the_shell_may_offer_files(words: list[str]) -> None:
    assert answered(*words) == ([], ":0")


def test_a_candidate_has_its_description() -> None:
    assert completion.answer(["stat"]).split("\n")[0] == (
        "status\tshow the status of syncers, and what to do about it"
    )


def test_a_kubectl_that_fails_offers_nothing(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl.forbidden = ["configmapsyncers"]
    kubectl.install(monkeypatch)
    assert answered("status", "") == ([], ":4")


def test_a_namespace_on_the_line_is_where_names_are_looked_for(kubectl: FakeKubectl) -> None:
    answered("preview", "-n", "dev", "--context", "one", "--delete", "cm/")
    assert {"--namespace=dev", "--context=one"} <= set(kubectl.calls[-1])


def test_completing_does_not_wait_for_the_simulator() -> None:
    program = (
        "import sys; from hooks.cli import completion; completion.answer(['preview', '-']);"
        "print(sorted({'cel', 'jsonschema', 'flask', 'rich', 'yaml'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


BASH = """
source <(kubectl-cmsync completion bash)
COMP_LINE='kubectl-cmsync st'; COMP_POINT=17
_python_argcomplete kubectl-cmsync
echo "${COMPREPLY[@]}"
"""
ZSH = """
compdef() { [[ $2 == kubectl-cmsync ]] && completer=$1 }
_describe() { print -l -- $completions }
eval "$(kubectl-cmsync completion zsh)"
words=(kubectl-cmsync st); BUFFER='kubectl-cmsync st'; CURSOR=17
$completer
"""
"""zsh completes in its line editor alone, so what registers and what shows is replaced."""

FISH = """
kubectl-cmsync completion fish | source
complete --do-complete 'kubectl-cmsync st'
"""
DESCRIPTION = "show the status of syncers, and what to do about it"


@pytest.mark.parametrize(
    ("shell", "script", "offered"),
    [
        (["bash", "--norc", "-c"], BASH, "status"),
        (["zsh", "-f", "-c"], ZSH, f"status:{DESCRIPTION}"),
        (["fish", "--no-config", "-c"], FISH, f"status\t{DESCRIPTION}"),
    ],
    ids=["bash", "zsh", "fish"],
)
def test_a_shell_completes_the_program_itself(
    tmp_path: Path, shell: list[str], script: str, offered: str
) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not on PATH.")
    plugin = tmp_path / "kubectl-cmsync"
    code = f"import sys\nsys.path.insert(0, {ROOT!r})\nfrom hooks.cli import main\n"
    plugin.write_text(f"#!{sys.executable}\n{code}sys.exit(main.plugin())\n")
    plugin.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    said = tmp_path / "said"
    with said.open("wb") as written:
        # What it starts and leaves behind could hold a pipe open, and is not waited for.
        done = subprocess.run(
            [*shell, script],
            # Nothing is read from the user's home or written there, and no terminal is looked for.
            env=os.environ
            | {
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "HOME": str(home),
                "XDG_CONFIG_HOME": str(home),
                "XDG_DATA_HOME": str(home),
                "TERM": "dumb",
            },
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, said.read_text("utf-8").strip()) == (0, offered)


@pytest.mark.parametrize(
    ("shell", "registration"),
    [
        ("zsh", "compdef _python_argcomplete kubectl-cmsync"),
        ("fish", "complete --command kubectl-cmsync "),
    ],
)
def test_zsh_and_fish_get_what_registers_the_program(
    plugin: Plugin, shell: str, registration: str
) -> None:
    done = plugin("completion", shell)
    assert (done.status, done.complained) == (0, "")
    assert registration in done.printed
