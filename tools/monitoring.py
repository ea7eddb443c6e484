"""Write what is generated in monitoring/: `python -m tools.monitoring`.

The rule file is the only place where an alert is written: the manifest for Prometheus' operator is
made of it. tools/dashboard.py is the only place where a panel is.
"""

import textwrap
from pathlib import Path
from typing import Final

from tools.dashboard import dashboard

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "monitoring"
RULES: Final = FOLDER / "rules.yaml"
MANIFEST: Final = FOLDER / "prometheusrule.yaml"
DASHBOARD: Final = FOLDER / "dashboard.json"

_MANIFEST: Final = """\
# Made of rules.yaml by `make monitoring`: do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: configmap-syncer
  namespace: configmap-syncer-system
  labels:
    app.kubernetes.io/name: configmap-syncer
    app.kubernetes.io/part-of: configmap-syncer
    app.kubernetes.io/component: monitoring
spec:
"""


def prometheus_rule(rules: str) -> str:
    """The PrometheusRule, as YAML, with the groups of a rule file, also as YAML."""
    _, _, groups = rules.partition("groups:\n")
    return _MANIFEST + textwrap.indent(f"groups:\n{groups}", "  ")


def files() -> dict[Path, str]:
    """Every generated file with its content."""
    return {MANIFEST: prometheus_rule(RULES.read_text("utf-8")), DASHBOARD: dashboard()}


def main() -> None:
    """Write the files."""
    for path, content in files().items():
        path.write_text(content, "utf-8")


if __name__ == "__main__":
    main()
