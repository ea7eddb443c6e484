"""The image: its Dockerfile is read, and its steps are done in an empty folder.

No container engine is needed. Every stage gets a folder that stands for the
image's root; COPY honours .dockerignore, RUN runs with the stage's environment
and folder, and what the last stage holds is what the image would hold. What
this cannot show is the base image itself and the user's permissions.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import pytest
import yaml

from tests import smoke
from tests.wheel import SHIPPED

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.long

DOCKERFILE = REPOSITORY / "Dockerfile"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Instruction:
    name: str
    text: str


@dataclass(frozen=True)
class BuildStage:
    """A stage while it is being built, or the image when it is the last one."""

    root: Path
    base: str = ""
    folder: PurePosixPath = field(default_factory=lambda: PurePosixPath("/"))
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "root"
    ports: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def real(self, path: str) -> Path:
        """Where a path of the image lies on this machine."""
        return self.root / (self.folder / path).relative_to("/")

    def files(self) -> set[str]:
        """The files in the image's folder without the virtual environment."""
        found = (path.relative_to(self.real(".")) for path in self.real(".").rglob("*"))
        return {
            str(path)
            for path in found
            if path.parts[0] != "venv" and not (self.real(".") / path).is_dir()
        }


def instructions() -> Iterator[Instruction]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    lines = (line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, text = line.split(maxsplit=1)
            yield Instruction(name.upper(), text.strip())


def matcher(pattern: str) -> re.Pattern[str]:
    """What .dockerignore says with a pattern: the path itself and all below it."""
    parts = (
        {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
        for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    )
    return re.compile(f"{''.join(parts)}(/.*)?")


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file go to the builder: the last line that matches decides."""
    sent = True
    for line in (REPOSITORY / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#") and matcher(line.removeprefix("!")).fullmatch(path):
            sent = line.startswith("!")
    return sent


def copy_from_context(source: str, target: Path) -> None:
    """Do what COPY does with the files that the builder was sent."""
    origin = REPOSITORY / source
    files = [origin] if origin.is_file() else [path for path in origin.rglob("*") if path.is_file()]
    sent = [path for path in files if is_sent(path.relative_to(REPOSITORY).as_posix())]
    assert sent, f"COPY {source}: nothing of it is sent to the builder"
    for path in sent:
        to = target / (path.name if path == origin else path.relative_to(origin))
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)


def environment_of(stage: BuildStage, machine: Mapping[str, str]) -> dict[str, str]:
    """The stage's environment, its folder put where it lies on this machine."""
    environment = dict(machine)
    for name, value in stage.environment.items():
        there = value.replace(str(stage.folder), str(stage.real(".")))
        environment[name] = there.replace("$PATH", machine["PATH"])
    return environment


def do(
    stage: BuildStage,
    step: Instruction,
    stages: Mapping[str, BuildStage],
    machine: Mapping[str, str],
) -> BuildStage:
    """The stage after one more instruction."""
    words = step.text.split()
    match step.name:
        case "WORKDIR":
            stage = replace(stage, folder=stage.folder / step.text)
            stage.real(".").mkdir(parents=True, exist_ok=True)
        case "ENV":
            pairs = dict(word.split("=", 1) for word in shlex.split(step.text))
            stage = replace(stage, environment={**stage.environment, **pairs})
        case "COPY" if words[0].startswith("--from="):
            origin, target = words[1:]
            source = stages[words[0].removeprefix("--from=")].real(origin)
            shutil.copytree(source, stage.real(target), symlinks=True, dirs_exist_ok=True)
        case "COPY":
            copy_from_context(words[0], stage.real(words[1]))
        case "RUN":
            subprocess.run(
                ["/bin/sh", "-c", step.text],
                cwd=stage.real("."),
                env=environment_of(stage, machine),
                check=True,
            )
        case "USER":
            stage = replace(stage, user=step.text)
        case "EXPOSE":
            stage = replace(stage, ports=(*stage.ports, *words))
        case "ENTRYPOINT" | "CMD":
            stage = replace(stage, command=(*stage.command, *json.loads(step.text)))
        case other:
            raise AssertionError(f"the Dockerfile says {other}, which this test cannot do")
    return stage


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the base image brings: an environment in which ``python`` is a bare Python."""
    binaries = tmp_path_factory.mktemp("bin")
    (binaries / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV_", "PYTEST", "PYTHON", "VIRTUAL_ENV"))
    }
    return {**kept, "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, machine: Mapping[str, str]) -> BuildStage:
    """The last stage, every step of the Dockerfile done."""
    arguments: dict[str, str] = {}
    stages: dict[str, BuildStage] = {}
    stage = BuildStage(Path())
    for step in instructions():
        if step.name == "ARG":
            name, _, value = step.text.partition("=")
            arguments[name] = value
        elif step.name == "FROM":
            base, *named = step.text.split(" AS ")
            root = tmp_path_factory.mktemp("stage")
            if base in stages:
                shutil.copytree(stages[base].root, root, symlinks=True, dirs_exist_ok=True)
                stage = replace(stages[base], root=root)
            else:
                resolved = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], base)
                stage = BuildStage(root, base=resolved)
            label = named[0] if named else ""
        else:
            stage = do(stage, step, stages, machine)
        if step.name != "ARG":
            stages[label] = stage
    return stage


def test_the_base_is_the_slim_python_that_the_lock_was_made_for(image: BuildStage) -> None:
    assert re.match(r"python:3\.11\.\d+-slim-bookworm@", image.base), "the base is another"


def test_every_stage_is_built_on_a_base_that_is_pinned_by_its_digest() -> None:
    steps = list(instructions())
    bases = {step.text.split(" AS ")[0] for step in steps if step.name == "FROM"}
    named = {step.text.partition(" AS ")[2] for step in steps if step.name == "FROM"}
    (default,) = (step.text for step in steps if step.name == "ARG")

    assert bases - named == {"${BASE}"}
    assert re.fullmatch(r"BASE=[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", default)


def test_it_does_not_run_as_root(image: BuildStage) -> None:
    assert image.user == "65532:65532"


def test_the_image_declares_its_port(image: BuildStage) -> None:
    assert image.ports == ("8080",)


def test_what_is_installed_is_checked_against_the_lock() -> None:
    installs = [step.text for step in instructions() if " install " in step.text]

    assert installs
    assert [text for text in installs if "--require-hashes -" not in text] == []


def test_it_holds_the_service_with_its_preview_and_nothing_else(image: BuildStage) -> None:
    code = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "hooks").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert image.files() == code | SHIPPED.keys()


def test_it_holds_the_packages_of_the_lock_and_no_installer(image: BuildStage) -> None:
    lock = (REPOSITORY / "requirements.txt").read_text()
    pinned = {
        f"{found[1].replace('-', '_')}-{found[2]}"
        for found in re.finditer(r"^([\w.-]+)(?:\[.*\])?==(\S+)(.*)", lock, flags=re.MULTILINE)
        if "sys_platform == 'win32'" not in found[3]
    }
    installed = {
        path.stem.lower() for path in image.real("venv").glob("lib/*/site-packages/*.dist-info")
    }

    assert installed == pinned


def test_it_answers_the_recorded_sync_that_its_build_asks(
    image: BuildStage, machine: Mapping[str, str]
) -> None:
    [recorded] = [
        REPOSITORY / step.text.split()[0]
        for step in instructions()
        if step.name == "COPY" and "/request.json " in step.text
    ]
    environment = environment_of(image, machine)
    # Popen looks for the program on this process's PATH, the image's runtime on the image's.
    program = shutil.which(image.command[0], path=environment["PATH"])
    assert program == str(image.real("venv/bin/python"))

    with smoke.started([program, *image.command[1:]], environment, image.real(".")) as service:
        answer = smoke.ask(service.port, recorded.read_bytes())

    # The image's clock is the machine's, the recorded one's stood still.
    expected = recorded.with_name("response.json").read_text()
    assert json.loads(TIME.sub("now", json.dumps(answer))) == json.loads(TIME.sub("now", expected))


def previewed(
    image: BuildStage,
    machine: Mapping[str, str],
    command: Sequence[str],
    folder: Path,
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """What a command of the image prints in a folder."""
    environment = environment_of(image, machine)
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def created(printed: str) -> int:
    return len(re.findall("^.*/.*-config .* created ", printed, re.MULTILINE))


def test_it_previews_what_it_is_given(image: BuildStage, machine: Mapping[str, str]) -> None:
    examples = sorted((REPOSITORY / "examples").glob("*.yaml"))
    text = "\n---\n".join(file.read_text() for file in examples)

    done = previewed(image, machine, [*image.command, "preview", "-"], image.real("."), text)

    assert (done.returncode, done.stderr) == (0, "")
    assert created(done.stdout) == 5


def test_pre_commit_runs_the_preview_in_it_from_the_folder_of_another_repository(
    image: BuildStage, machine: Mapping[str, str], tmp_path: Path
) -> None:
    [hook] = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    assert (hook["language"], hook["pass_filenames"]) == ("docker", False)
    shutil.copytree(REPOSITORY / "examples", tmp_path / "deploy")
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "__init__.py").write_text("raise SystemExit('another repository ran')")

    done = previewed(image, machine, [*hook["entry"].split(), "deploy/"], tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert created(done.stdout) == 5


def test_it_prints_its_usage_for_unknown_arguments(
    image: BuildStage, machine: Mapping[str, str]
) -> None:
    done = previewed(image, machine, [*image.command, "serve"], image.real("."))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m hooks ")
