"""The front end's files, served by the program itself: no page loads anything from elsewhere.

They come from npm (`make install`) and are served from where npm put them. An address holds the package's
version, or for our own files a digest of them, so browsers may keep what they have for ever:
`asset_url("tabler/css/tabler.min.css")` is `/assets/tabler-1.4.0/css/tabler.min.css`.
"""

import json
from collections.abc import MutableMapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

PREFIX = "/assets"
ROOT = Path(__file__).parents[2]
PACKAGES = {
    "tabler": "@tabler/core",
    "icons": "@tabler/icons-webfont",
    "echarts": "echarts",
    "htmx": "htmx.org",
}
OURS = "tidu"
# What a page may ask for; packages bring demonstrations and source maps besides.
SERVED = (".css", ".js", ".woff2", ".woff", ".ttf", ".svg", ".png", ".ico")
# What the layout cannot do without.
NEEDED = (
    "tabler/css/tabler.min.css",
    "tabler/js/tabler.min.js",
    "icons/tabler-icons.min.css",
    "icons/fonts/tabler-icons.woff2",
    "echarts/echarts.min.js",
    "htmx/htmx.min.js",
)


def asset_url(name: str) -> str:
    """The address of `<package>/<path>`; `tidu/…` are our own files in `static`."""
    package, _, path = name.partition("/")
    return f"{PREFIX}/{package}-{_version(package)}/{path}"


def mount_assets(app: Starlette) -> None:
    """Serve all packages' files. Those not installed are left out; `missing_assets` tells."""
    for package in (*PACKAGES, OURS):
        if _folder(package).is_dir():
            files = _KeptForEver(directory=_folder(package))
            app.mount(f"{PREFIX}/{package}-{_version(package)}", files, name=f"assets-{package}")


def missing_assets() -> list[str]:
    """The needed files that are not installed."""
    return [name for name in NEEDED if not _file(name).is_file()]


class _KeptForEver(StaticFiles):
    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        if not path.endswith(SERVED):
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _folder(package: str) -> Path:
    if package == OURS:
        return Path(__file__).with_name("static")
    return ROOT / "node_modules" / PACKAGES[package] / "dist"


def _file(name: str) -> Path:
    package, _, path = name.partition("/")
    return _folder(package) / path


@cache
def _version(package: str) -> str:
    if package == OURS:
        digest = sha256()
        for path in sorted(_folder(package).rglob("*")):
            if path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()[:10]
    description = _folder(package).parent / "package.json"
    return json.loads(description.read_text())["version"] if description.exists() else "missing"
