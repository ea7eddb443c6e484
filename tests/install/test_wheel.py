"""The wheel declares what it needs, and works where nothing else is installed."""

import os
import re
import shutil
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hooks
from hooks.preview.simulator import registration
from tests.locks import ROOT, pins
from tests.wheel import PROJECT, SHIPPED, InstalledWheel, build, install, run


def requirements() -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["project"]["dependencies"]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> InstalledWheel:
    return install(wheel, tmp_path_factory.mktemp("installed") / "venv")


def test_the_wheel_requires_what_the_image_is_built_from() -> None:
    lines = (ROOT / "requirements.in").read_text("utf-8").splitlines()
    named = {line for line in lines if not line.startswith("#")}
    declared = {
        f"{each.name}[{','.join(each.extras)}]" if each.extras else each.name
        for each in requirements()
    }
    assert declared == named


def test_the_locked_versions_are_within_the_declared_bounds() -> None:
    locked = pins("requirements.txt")
    outside = [
        str(each)
        for each in requirements()
        if locked[canonicalize_name(each.name)].version not in each.specifier
    ]
    assert outside == []


def test_every_requirement_has_an_upper_bound() -> None:
    assert [str(each) for each in requirements() if "<" not in str(each.specifier)] == []


def test_the_hatchling_that_builds_the_wheel_is_the_locked_one() -> None:
    (required,) = PROJECT["build-system"]["requires"]
    assert required == f"hatchling=={pins('requirements-dev.txt')['hatchling'].version}"


@pytest.mark.long
def test_the_wheel_holds_the_code_the_manifests_that_it_follows_and_nothing_else(
    wheel: Path,
) -> None:
    code = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "hooks").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        for path, there in SHIPPED.items():
            assert archive.read(there) == (ROOT / path).read_bytes()
    assert names == code | set(SHIPPED.values())


@pytest.mark.long
def test_the_same_checkout_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.mark.long
def test_the_installed_plugin_previews_manifests_from_any_folder(
    installed: InstalledWheel, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "deploy")

    done = installed.run("kubectl-cmsync", "preview", "deploy", folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"^\S+/\S+-config .* created ", done.stdout, re.MULTILINE)) == 5


@pytest.mark.long
def test_the_installed_plugin_follows_the_registration_of_the_repository(
    installed: InstalledWheel, tmp_path: Path
) -> None:
    program = (
        "from hooks.preview.simulator import registration;"
        "print(registration.composite_controller(registration.CHILDREN), registration.ADOPTION)"
    )
    done = installed.run("python", "-c", program, folder=tmp_path)
    here = f"{registration.composite_controller(registration.CHILDREN)} {registration.ADOPTION}\n"
    assert (done.returncode, done.stdout) == (0, here)


@pytest.mark.long
def test_the_installed_plugin_knows_its_version(installed: InstalledWheel, tmp_path: Path) -> None:
    done = installed.run("kubectl-cmsync", "--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"cmsync {hooks.__version__}\n")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs pipx and uv, in an environment of their own."""
    folder = tmp_path_factory.mktemp("tools")
    venv.create(folder, with_pip=True)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (uv,) = re.findall(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    python = folder / "bin" / "python"
    done = run(
        [str(python), "-m", "pip", "install", "--quiet", "pipx", f"uv=={uv}"], folder, os.environ
    )
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (["pipx", "install"], {"PIPX_HOME": "home", "PIPX_BIN_DIR": "bin", "PIPX_MAN_DIR": "man"}),
        (
            ["uv", "tool", "install", "--python", sys.executable],
            {"UV_TOOL_DIR": "home", "UV_TOOL_BIN_DIR": "bin", "UV_CACHE_DIR": "cache"},
        ),
    ],
    ids=["pipx", "uv tool"],
)
def test_a_tool_puts_both_programs_on_path(
    tools: Path, wheel: Path, tmp_path: Path, command: list[str], settings: dict[str, str]
) -> None:
    folders = {name: str(tmp_path / folder) for name, folder in settings.items()}
    binaries = InstalledWheel(tools)
    program = str(tools / command[0])
    done = binaries.run(program, *command[1:], str(wheel), folder=tmp_path, **folders)
    assert done.returncode == 0, done.stderr

    user = InstalledWheel(tmp_path / "bin")
    shutil.copytree(ROOT / "examples", tmp_path / "deploy")
    previewed = user.run("kubectl-cmsync", "preview", "deploy", folder=tmp_path)
    completed = user.run("kubectl_complete-cmsync", "stat", folder=tmp_path)

    assert (previewed.returncode, previewed.stderr) == (0, "")
    assert completed.stdout.splitlines()[-1] == ":4"
    assert completed.stdout.startswith("status\t")
    assert sorted(path.name for path in user.binaries.iterdir()) == [
        "kubectl-cmsync",
        "kubectl_complete-cmsync",
    ]
