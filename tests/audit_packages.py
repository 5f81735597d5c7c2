"""`python -m tests.audit_packages`: does a locked package have a known vulnerability?

Asks the registry through pip-audit and npm. Where it does not answer, or knows nothing of vulnerabilities, this says so
and does not fail: a check that fails without a network is soon switched off. Exit status 1 for a vulnerability.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parents[1]
_PATIENCE_SECONDS: Final = 120


def main() -> int:
    """Tell what was found."""
    found = [*_python(), *_node()]
    for line in found:
        print(line, file=sys.stderr)  # noqa: T201
    return 1 if found else 0


def _python() -> list[str]:
    options = ["--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off"]
    told = _ask([sys.executable, "-m", "pip_audit", "-r", "requirements.lock", *options])
    return vulnerable_packages(told) if told is not None else []


def vulnerable_packages(told: dict[str, Any]) -> list[str]:
    """What pip-audit's answer says, a line for each vulnerability; and how much it could not say, on stdout."""
    packages: Sequence[dict[str, Any]] = told.get("dependencies", [])
    asked = [one for one in packages if "skip_reason" not in one]
    print(f"pip-audit: {len(asked)} of {len(packages)} packages could be asked about.")  # noqa: T201
    return [
        f"{one['name']} {one.get('version')}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for one in asked
        for flaw in one.get("vulns", [])
    ]


def _node() -> list[str]:
    npm = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if npm is None:
        print("npm audit: npm is not installed, nothing was asked.")  # noqa: T201
        return []
    told = _ask([npm, "audit", "--omit=dev", "--json"])
    if told is None or "metadata" not in told:
        print("npm audit: the registry does not answer.")  # noqa: T201
        return []
    counts = told["metadata"]["vulnerabilities"]
    print(f"npm audit: {counts['total']} vulnerabilities known.")  # noqa: T201
    grave = counts.get("high", 0) + counts.get("critical", 0)
    return [f"npm: {grave} grave vulnerabilities, see npm audit"] if grave else []


def _ask(command: Sequence[str]) -> dict[str, Any] | None:
    try:
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        print(f"{Path(command[0]).name} got no answer; nothing was asked about.")  # noqa: T201
        return None


if __name__ == "__main__":
    sys.exit(main())
