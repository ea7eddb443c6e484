"""`python -m hooks preview` with the real hook: what it prints, and how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.preview.in_process import Run, masked
from tests.smoke import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
PREVIEW = f"{sys.executable} -m hooks preview"
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


def as_a_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hooks", "preview", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_examples_show_the_main_job_and_end_with_0() -> None:
    done = as_a_process("examples/")
    assert (done.returncode, done.stderr) == (0, "")
    lines = masked(done.stdout)
    assert [line.split()[0] for line in lines[:3]] == [
        "NAME",
        "configmapsyncer-sample",
        "test-syncer",
    ]
    four = "DATABASE_HOST, FEATURE_DARK_MODE, LOG_LEVEL, application.yaml   the syncer is new"
    two = f"{'key1, key2':<64}the syncer is new"
    assert lines[3:] == [
        "",
        f"COPY                  SYNCER                   RESULT    {'KEYS':<64}WHY",
        f"dev/app-config        configmapsyncer-sample   created   {four}",
        f"dev/test-config       test-syncer              created   {two}",
        f"prod/app-config       configmapsyncer-sample   created   {four}",
        f"staging/app-config    configmapsyncer-sample   created   {four}",
        f"staging/test-config   test-syncer              created   {two}",
    ]


def test_a_change_shows_what_it_does_and_nothing_else(run: Run, tmp_path: Path) -> None:
    change = tmp_path / "change.yaml"
    change.write_text(
        (EXAMPLES / "test-config.yaml").read_text().replace("key2: value2", "key3: value3")
        + "---\n"
        + (EXAMPLES / "test-syncer.yaml").read_text().replace("- staging", "- prod\n    - qa")
    )
    done = run("examples", "--change", change)
    assert (done.status, done.complained) == (1, "")
    lines = masked(done.printed)
    assert [line.split()[0] for line in lines[:2]] == ["NAME", "test-syncer"]
    assert lines[2:8] == [
        "",
        "COPY                  SYNCER        RESULT     KEYS         WHY",
        "dev/test-config       test-syncer   updated    key1, key3   new: key3; gone: key2",
        "prod/test-config      test-syncer   created    key1, key3   is a target now",
        "qa/test-config        test-syncer   not made                NamespaceNotFound",
        "staging/test-config   test-syncer   deleted    key1, key2   is no longer a target",
    ]
    assert lines[9] == "Problems:"


def test_an_edit_that_leaves_no_target_is_shown_as_held(run: Run, tmp_path: Path) -> None:
    change = tmp_path / "change.yaml"
    slip = (EXAMPLES / "test-syncer.yaml").read_text()
    change.write_text(slip.replace("    - dev\n", "    - team-*\n").replace("    - staging\n", ""))

    planned = run("examples", "--change", change, "-o", "plan")

    assert planned.status == 1
    assert [line.split() for line in planned.printed.splitlines()[:4]] == [
        ["test-syncer:"],
        ["NAMESPACE", "NOW", "PLANNED", "KEYS"],
        ["dev", "copy", "hold"],
        ["staging", "copy", "hold"],
    ]
    assert "test-syncer: PruneHeld" in planned.printed
    done = run("examples", "--change", change)
    assert done.status == 1
    assert "2 of 2 namespaces would lose the copy (dev and staging)" in done.printed


def test_a_change_that_does_nothing_says_so(run: Run) -> None:
    done = run("examples", "--change", EXAMPLES / "test-config.yaml")
    assert (done.status, done.printed, done.complained) == (0, "No copy changes.\n", "")
    done = run("examples", "--change", EXAMPLES / "test-config.yaml", "-o", "diff")
    assert (done.status, done.printed, done.complained) == (0, "Nothing changes.\n", "")


@pytest.mark.parametrize(
    ("cascade", "result"),
    [
        ("background", "deleted   key1, key2   the syncer is gone"),
        ("foreground", "deleted   key1, key2   the syncer is gone"),
        ("orphan", "released   key1, key2   the syncer is gone, its copies stay"),
    ],
)
def test_a_deletion_shows_what_is_deleted_with_it(run: Run, cascade: str, result: str) -> None:
    done = run("examples", "--delete", "cmsync/test-syncer", "--cascade", cascade)
    assert (done.status, done.complained) == (0, "")
    width = len(result.split(maxsplit=1)[0]) + 3
    assert masked(done.printed) == [
        f"COPY                  SYNCER        {'RESULT':<{width}}KEYS         WHY",
        f"dev/test-config       test-syncer   {result}",
        f"staging/test-config   test-syncer   {result}",
        "",
        "Deleted:",
        "- ConfigMapSyncer test-syncer",
    ]


def test_under_dynamic_apply_the_end_is_the_same_but_for_what_it_remembers(run: Run) -> None:
    ends = []
    for strategy in ("server-side-apply", "dynamic-apply"):
        done = run("examples", "--apply-strategy", strategy, "--output", "json")
        assert (done.status, done.complained) == (0, "")
        items = json.loads(done.printed)["items"]
        copies = [item for item in items if "ownerReferences" in item["metadata"]]
        remembered = [
            item["metadata"]["annotations"].pop(
                "metacontroller.k8s.io/last-applied-configuration", None
            )
            for item in copies
        ]
        assert [text is not None for text in remembered] == [strategy == "dynamic-apply"] * 5
        ends.append([(item["metadata"]["labels"], item["data"]) for item in copies])
    assert ends[0] == ends[1]


def test_the_end_state_can_be_previewed_again_and_is_at_rest(run: Run, tmp_path: Path) -> None:
    once = run("examples", "--output", "yaml")
    assert (once.status, once.complained) == (0, "")
    assert len(yaml.safe_load(once.printed)["items"]) == 7 + 7 + 2
    again = run("-", given=once.printed)
    assert again.status == 0
    assert [line.split()[2] for line in again.printed.splitlines() if "-config " in line][2:] == [
        "unchanged"
    ] * 5
    assert masked(again.printed)[-1] == (
        "Assumed to be written by Metacontroller alone, because 5 copies were given without "
        "managedFields (kubectl get --show-managed-fields shows them)"
    )


def test_a_diff_is_plain_in_a_pipe_and_coloured_on_a_terminal_unless_no_color_is_set(
    run: Run,
) -> None:
    arguments = ["examples", "--delete", "cmsync/test-syncer", "--output", "diff"]
    piped = run(*arguments)
    assert piped.printed.startswith("- ConfigMap dev/test-config\n  - data.key1: value1\n")
    assert on_a_terminal(*arguments).startswith(
        "\x1b[1m- ConfigMap dev/test-config\x1b[0m\r\n\x1b[31m  - data.key1: value1\x1b[0m\r\n"
    )
    assert "\x1b" not in on_a_terminal(*arguments, NO_COLOR="1")


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What is printed where standard output is a terminal."""
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "hooks", "preview", *arguments],
        cwd=REPOSITORY,
        stdout=theirs,
        env=kept | environment,
    ) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                printed += (more := os.read(ours, 65536))
            except OSError:  # Linux ends a terminal's reader so when no writer is left.
                break
            if not more:
                break
        os.close(ours)
        assert process.wait(60) == 0
    return printed.decode()


def test_a_syncer_that_is_not_ready_ends_with_1_and_says_why_without_a_value(run: Run) -> None:
    other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    done = run("-", given=f"{SYNCER}---\n{SOURCE}---\n{DEV}---\n{other}")
    assert (done.status, done.complained) == (1, "")
    assert "do-not-print" not in done.printed
    lines = masked(done.printed)
    assert lines[2:6] == [
        "",
        "COPY              SYNCER   RESULT     KEYS       WHY",
        "absent/settings   team     not made              NamespaceNotFound",
        "dev/settings      team     created    password   the syncer is new",
    ]
    assert lines[7] == "Problems:"
    assert lines[8].startswith("- team: ")
    assert lines[9] == (
        "- team, namespace absent: NamespaceNotFound: The namespace does not exist; create it, "
        "or remove it from spec.targetNamespaces."
    )
    assert lines[10:] == [
        "",
        "Assumed to exist, because objects are in them: namespace shared",
        "",
        "Ignored: 1 object of other kinds than Namespace, ConfigMap, Secret and ConfigMapSyncer",
    ]


@pytest.mark.parametrize("output", ["table", "diff", "yaml", "json"])
def test_no_value_of_a_secret_is_printed_in_any_format(run: Run, output: str) -> None:
    metadata = "metadata: {name: token, namespace: dev, annotations: {team: x}}"
    secret = f"apiVersion: v1\nkind: Secret\n{metadata}\nstringData: {{token: MARKER}}\n"
    text = f"{SYNCER}---\n{SOURCE}---\n{DEV}---\n{secret}"
    done = run("-", "--output", output, given=text)
    assert (done.status, done.complained) == (1, "")
    for marker in ("MARKER", "TUFSS0VS"):
        assert marker not in done.printed
    if output in ("yaml", "json"):
        items = yaml.safe_load(done.printed)["items"]
        [found] = [item for item in items if item["kind"] == "Secret"]
        assert found["data"] == {"token": "(hidden)"}


def test_what_waits_for_time_is_reported(run: Run, tmp_path: Path) -> None:
    held = tmp_path / "held.yaml"
    done = run("examples", "--output", "json")
    items = json.loads(done.printed)["items"]
    for item in items:
        if item["metadata"]["name"] == "test-config" and "ownerReferences" in item["metadata"]:
            item["metadata"]["finalizers"] = ["example.com/hold"]
            item["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    held.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    done = run(held)
    assert (done.status, done.complained) == (1, "")
    assert re.search(
        r"Waiting for time to pass:\n"
        r"- test-syncer waits for 2 of its copies, asked again in \d+ s\n",
        done.printed,
    )


def test_bad_input_ends_with_2_and_names_every_mistake(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        SYNCER.replace("  sourceNamespace: shared\n", "  sourceName: shared\n")
        + "---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata:\n  port: 80\n"
    )
    twice = tmp_path / "twice.yaml"
    twice.write_text(SYNCER.replace("[dev, absent]", "[dev, dev]"))
    done = run(file, tmp_path / "absent.yaml", "--change", twice)
    assert (done.status, done.printed) == (2, "")
    assert done.complained.splitlines() == [
        f"{tmp_path}/absent.yaml: no such file",
        f'{file}:6: ConfigMapSyncer team: unknown field "spec.sourceName"',
        f"{file}:5: ConfigMapSyncer team: spec.sourceNamespace: Required value",
        (f"{file}:14: ConfigMap a: data[port]: must be a string, not a number: put it in quotes"),
        f"{twice}:8: ConfigMapSyncer team: spec.targetNamespaces[1]: Duplicate value: 'dev'",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "standard input: holds no object\n"),
        (SOURCE, "-: there is no ConfigMapSyncer to show\n"),
    ],
)
def test_input_without_a_syncer_ends_with_2(run: Run, text: str, said: str) -> None:
    done = run("-", given=text)
    assert (done.status, done.printed) == (2, "")
    assert done.complained == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--delete", "cm/default/absent"],
            '--delete ConfigMap default/absent: configmaps "absent" not found',
        ),
        (
            ["--delete", "ns/default"],
            (
                '--delete Namespace default: namespaces "default" is forbidden: this namespace may '
                "not be deleted"
            ),
        ),
        (
            ["--hook-url", "nonsense"],
            "--hook-url: nonsense is no URL such as http://127.0.0.1:8080",
        ),
        (["--watch", "--change", "-"], "-: standard input cannot be watched"),
        (["--change", "-", "--change", "-"], "-: standard input can be read only once"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_says_why(
    run: Run, arguments: list[str], said: str
) -> None:
    done = run("examples", *arguments)
    assert (done.status, done.printed, done.complained) == (2, "", f"{said}\n")


def test_an_object_that_is_named_wrongly_ends_with_2_and_the_shape(run: Run) -> None:
    done = run("examples", "--delete", "pod/a")
    assert (done.status, done.printed) == (2, "")
    assert "argument --delete: pod/a: no such kind; the kinds are Namespace" in done.complained


def test_a_hook_that_runs_already_is_used() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    absent = as_a_process("examples", "--hook-url", url)
    assert (absent.returncode, absent.stdout) == (2, "")
    assert absent.stderr.startswith(f"--hook-url: {url} cannot be reached: ")
    with subprocess.Popen(
        [sys.executable, "-m", "hooks"],
        cwd=REPOSITORY,
        env=os.environ | {"HOST": "127.0.0.1", "PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    ) as hook:
        try:
            while as_a_process("examples", "--hook-url", url).returncode == 2:
                pass
            assert hook.stdout is not None
            assert json.loads(hook.stdout.readline())["hook"] == "customize"
        finally:
            hook.send_signal(signal.SIGTERM)


def test_watching_shows_what_a_change_of_a_file_does_until_it_is_interrupted(
    tmp_path: Path,
) -> None:
    for file in EXAMPLES.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    with subprocess.Popen(
        [sys.executable, "-m", "hooks", "preview", tmp_path, "--watch"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            first = read_until(process.stdout, "staging/test-config")
            source = tmp_path / "test-config.yaml"
            source.write_text(source.read_text().replace("value1", "edited"))
            second = read_until(process.stdout, "staging/test-config")
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        assert process.stdout.read() == ""
    assert "created" in first[-1]
    assert next(line for line in second if line).endswith(" UTC, a file has changed:")
    assert [line for line in second if "-config " in line and "updated" in line] == [
        "dev/test-config       test-syncer   updated   key1, key2   changed: key1",
        "staging/test-config   test-syncer   updated   key1, key2   changed: key1",
    ]


def read_until(stream: Iterable[str], expected: str) -> list[str]:
    """The lines up to the one that begins with what is expected."""
    lines = []
    for line in stream:
        lines.append(line.rstrip("\n"))
        if line.startswith(expected):
            break
    return lines


def in_a_shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command line in which `preview` is the command."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("preview", PREVIEW)],
        cwd=REPOSITORY,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_a_reader_that_stops_early_gets_no_complaint_and_the_same_exit_status() -> None:
    done = in_a_shell("preview examples -o yaml | head -n 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "apiVersion: v1\n", "")


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (
            "preview examples >/dev/full",
            2,
            "The result cannot be written: No space left on device\n",
        ),
        ("preview examples >&-", 0, ""),
        ("preview - <&-", 2, "standard input: holds no object\n"),
        ('preview ""', 2, '"": no such file\n'),
        (f"preview {'x' * 300}", 2, f"{'x' * 300}: no such file\n"),
        (
            r"preview <(printf 'a: \xff\n')",
            2,
            "/dev/fd/63:1: is not UTF-8 text\n",
        ),
    ],
)
def test_odd_streams_and_names_end_in_a_sentence(command: str, status: int, said: str) -> None:
    done = in_a_shell(command)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


@pytest.mark.parametrize("output", ["diff", "yaml"])
def test_values_are_printed_as_utf_8_wherever(tmp_path: Path, output: str) -> None:
    change = tmp_path / "change.yaml"
    change.write_text((EXAMPLES / "configmap.yaml").read_text().replace("info", "grün €"), "utf-8")
    done = in_a_shell(
        f"preview examples --change {change} -o {output}",
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("LOG_LEVEL: grün €\n") == 4


class Echo(BaseHTTPRequestHandler):
    """No hook: it sends back what it is sent."""

    def do_GET(self) -> None:
        self.answer(200, b"ok")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/customize":
            rule = {"apiVersion": "v1", "resource": "secrets", "names": ["token"]}
            self.answer(200, json.dumps({"relatedResources": [rule]}).encode())
        else:
            secret = json.loads(body)["related"]["Secret.v1"]["dev/token"]
            self.answer(500, b"\x1b[2J" + json.dumps(secret["data"]).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_what_is_no_hook_cannot_make_a_secret_or_a_command_be_printed(run: Run) -> None:
    metadata = "metadata: {name: token, namespace: dev}"
    secret = f"apiVersion: v1\nkind: Secret\n{metadata}\nstringData: {{token: MARKER}}\n"
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = run("-", "--hook-url", url, given=f"{SYNCER}---\n{DEV}---\n{secret}")
        server.shutdown()
    assert (done.status, done.complained) == (1, "")
    assert (
        "- team: Sync error: sync hook failed (version=v2): unsupported status code: 500 "
        'body: \\x1b[2J{"token": "(hidden)"}\n'
    ) in done.printed


def test_help_lists_every_option(run: Run) -> None:
    done = run("--help")
    assert (done.status, done.complained) == (0, "")
    assert done.printed.startswith("usage: python -m hooks preview")
    for option in ("change", "delete", "cascade", "output", "apply-strategy", "hook-url", "watch"):
        assert f"--{option}" in done.printed


def test_a_namespace_and_what_it_holds_can_come_in_any_order(run: Run, tmp_path: Path) -> None:
    change = tmp_path / "change.yaml"
    change.write_text(f"{SOURCE}---\n{DEV.replace('dev', 'shared')}")
    done = run("examples", "--change", change, "-o", "diff")
    assert (done.status, done.complained) == (0, "")
    assert "+ ConfigMap shared/settings\n" in done.printed
