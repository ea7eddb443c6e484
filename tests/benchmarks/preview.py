"""What a preview of 100 syncers of 100 namespaces costs, compared with reading its own result once.

Looking at ten thousand copies in Python costs the YAML library's loader in C; the
preview makes them, judges them and asks the hook about them. Its CPU time and memory are those of
its whole process with the service that it starts.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.benchmarks.ratio import Ratio

SYNCERS = 100
TARGETS = 100
CONTENT_BYTES = 1_000
_ROUNDS = 3
_CPU_LIMIT = 2.0
_MEMORY_LIMIT = 12.0
_KIB = 1024
_STRATEGIES = ("server-side-apply", "dynamic-apply")


def measure() -> Iterator[Ratio]:
    """CPU time and peak memory under both strategies, as a table and as YAML."""
    with tempfile.TemporaryDirectory() as folder:
        manifests = Path(folder) / "manifests.json"
        manifests.write_text(json.dumps(_manifests()), "utf-8")
        for strategy in _STRATEGIES:
            yield from _of_strategy(manifests, strategy)


def _of_strategy(manifests: Path, strategy: str) -> Iterator[Ratio]:
    result = manifests.with_name("result.yaml")
    what = f"{SYNCERS} syncers of {TARGETS} namespaces, {CONTENT_BYTES:,} bytes a copy, {strategy}"
    for output in ("table", "yaml"):
        pairs, peaks = [], []
        for _ in range(_ROUNDS):
            _preview(manifests, "yaml", strategy, result)
            ours, peak = _preview(manifests, output, strategy, manifests.with_name("printed"))
            pairs.append((ours, _loading(result)))
            peaks.append(peak / result.stat().st_size)
        yield Ratio.of_pairs(
            f"Preview, CPU time, {what}, --output {output}",
            "the C loader's on its own --output yaml",
            pairs,
            _CPU_LIMIT,
        )
        yield Ratio(
            f"Preview, peak memory, {what}, --output {output}",
            "the size of its own --output yaml",
            peaks,
            _MEMORY_LIMIT,
        )


def _preview(manifests: Path, output: str, strategy: str, printed: Path) -> tuple[float, int]:
    """Seconds of CPU and bytes at the peak of one preview, what it started included."""
    command = [
        *(sys.executable, "-m", "tests.benchmarks.preview", str(printed)),
        *(str(manifests), "--output", output, "--apply-strategy", strategy),
    ]
    completed = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, peak = json.loads(completed.stdout)
    return seconds, peak


def _loading(result: Path) -> float:
    text = result.read_text("utf-8")
    started = time.process_time()
    loaded = yaml.load(text, yaml.CSafeLoader)
    seconds = time.process_time() - started
    kinds = [item["kind"] for item in loaded["items"]]
    if kinds.count("ConfigMap") != SYNCERS + SYNCERS * TARGETS:
        raise RuntimeError(f"the preview made {kinds.count('ConfigMap')} ConfigMaps")
    return seconds


def _manifests() -> dict[str, object]:
    value = ("a line of some text\n" * CONTENT_BYTES)[: CONTENT_BYTES // 10]
    namespaces = [f"team-{number:03d}" for number in range(TARGETS)]
    items: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in ("platform", *namespaces)
    ]
    for number in range(SYNCERS):
        source = f"settings-{number:03d}"
        items.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": source, "namespace": "platform"},
                "data": {f"key-{key}": value for key in range(10)},
            }
        )
        items.append(
            {
                "apiVersion": "config.example.com/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": f"syncer-{number:03d}"},
                "spec": {
                    "sourceNamespace": "platform",
                    "sourceConfigMap": source,
                    "targetNamespaces": namespaces,
                },
            }
        )
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _measured(printed: Path, arguments: list[str]) -> None:
    """Run the command in a child, and print what the system has counted of it and its children."""
    command = [sys.executable, "-m", "hooks", "preview", *arguments]
    with printed.open("wb") as to, subprocess.Popen(command, stdout=to) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, _peak(process.pid))
            time.sleep(0.02)
    if process.returncode:
        sys.exit(process.returncode)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps([used.ru_utime + used.ru_stime, peak]))


def _peak(pid: int) -> int:
    """Bytes of the largest resident sets so far, of the preview and of its service."""
    folders = [Path("/proc") / str(pid)]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
        folders += [Path("/proc") / child for child in children]
        for child in children:
            grandchildren = Path(f"/proc/{child}/task/{child}/children").read_text("utf-8")
            folders += [Path("/proc") / grandchild for grandchild in grandchildren.split()]
        return sum(_high_water_mark(folder) for folder in folders)
    except OSError:
        return 0  # One of them has just ended.


def _high_water_mark(folder: Path) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB", (folder / "status").read_text("utf-8"), re.MULTILINE)
    return int(found[1]) * _KIB if found else 0


if __name__ == "__main__":
    _measured(Path(sys.argv[1]), sys.argv[2:])
