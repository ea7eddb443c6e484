"""Make the hook's certificate and key, and the certificate of the authority that signed it.

The authority's own key is never written, so nobody can sign anything else with it; each run makes
another authority. The one before stays in ca.crt with the new one, so that Metacontroller, which
reads the file when it starts, knows both while the hook still shows the certificate before.
"""

import argparse
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tools.certificates import Authority

FOLDER: Final = Path(__file__).parents[2] / "metacontroller" / "components" / "tls" / "certs"
_SERVICE: Final = "configmap-syncer-webhook"
_NAMESPACE: Final = "configmap-syncer-system"
_DOMAINS: Final = ("", ".svc", ".svc.cluster.local")
_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL
)


def main() -> None:
    """Write tls.crt, tls.key and ca.crt into a folder."""
    parser = argparse.ArgumentParser(prog="python -m tools.certificates", description=__doc__)
    parser.add_argument("--days", type=int, default=365, help="valid for (default: %(default)s)")
    parser.add_argument(
        "--namespace",
        default=_NAMESPACE,
        help="where the hook is installed (default: %(default)s)",
    )
    parser.add_argument(
        "--host",
        action="append",
        metavar="NAME",
        help="a name or address in the webhooks' URLs (default: the Service's in its namespace)",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=FOLDER,
        help="where to write them (default: %(default)s)",
    )
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority("configmap-syncer", options.days)
    service = f"{_SERVICE}.{options.namespace}"
    hosts = options.host or [f"{service}{domain}" for domain in _DOMAINS]
    authority.server(hosts).write(folder)
    bundle = folder / "ca.crt"
    former = _CERTIFICATE.findall(bundle.read_bytes())[:1] if bundle.exists() else []
    bundle.write_bytes(b"".join([authority.certificate, *former]))
    until = datetime.now(UTC) + timedelta(days=options.days)
    print(f"Wrote tls.crt, tls.key and ca.crt; they are valid until {until:%Y-%m-%d}.")
    if former:
        print("Apply the installation again, and restart Metacontroller within a minute of it.")
    else:
        print("Apply the installation, and make new ones before that day.")


if __name__ == "__main__":
    main()
