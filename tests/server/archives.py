"""GitHub releases with their asset host, ADS-B Exchange samples, and a readsb globe_history."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass, field
from typing import Any

from server.core import Host, Reply, Request, reply_json


def trace(icao24: str, timestamp: float, points: list[list[Any]], **top: Any) -> bytes:
    """A gzip'd trace file as readsb writes it."""
    return gzip.compress(json.dumps({"icao": icao24, "timestamp": timestamp, "trace": points, **top}).encode(), mtime=0)


def day_tar(traces: dict[str, bytes], filler: int = 0) -> bytes:
    """A day's tar: README first, then traces/<last two digits>/trace_full_<hex>.json, names with a leading ./"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        members = {
            "./README.txt": b"Contains information from adsb.lol, made available under the ODbL." + b" " * filler
        }
        members |= {f"./traces/{icao24[-2:]}/trace_full_{icao24}.json": body for icao24, body in traces.items()}
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


@dataclass
class Asset:
    """A release asset; `digest` True gives the right one, None gives null, text gives that text."""

    name: str
    content: bytes
    state: str = "uploaded"
    digest: bool | str | None = True
    size: int | None = None


@dataclass
class Release:
    """A release: its tag is its name."""

    tag: str
    assets: list[Asset] = field(default_factory=list)
    draft: bool = False


def split_assets(tag: str, tar: bytes, part: int, digest: bool | None = True) -> list[Asset]:
    """A tar as GitHub would hold it: whole up to `part` bytes, else `.tar.aa`, `.tar.ab`, …"""
    if len(tar) <= part:
        return [Asset(f"{tag}.tar", tar, digest=digest)]
    pieces = [tar[start : start + part] for start in range(0, len(tar), part)]
    return [Asset(f"{tag}.tar.a{chr(97 + index)}", piece, digest=digest) for index, piece in enumerate(pieces)]


class GitHub:
    """api.github.com, github.com, raw.githubusercontent.com and the asset host behind the 302."""

    def __init__(self, clock: Any, *, owner: str = "adsblol", per_hour: int = 60, token: str | None = None) -> None:
        self.owner, self.per_hour, self.token = owner, per_hour, token
        self.repositories: dict[str, list[Release]] = {}
        self.preferred: dict[str, str] = {}
        self.clock = clock
        self.counted: list[float] = []
        self.api = Host("github api", self._api, clock)
        self.site = Host("github", self._site, clock)
        self.raw = Host("github raw", self._raw, clock)
        self.assets = Host("github assets", self._assets, clock)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All four hosts."""
        return self.api, self.site, self.raw, self.assets

    def _api(self, request: Request) -> Reply:
        trusted = self.token is not None and request.headers.get("authorization") == f"Bearer {self.token}"
        quota = 5000 if trusted else self.per_hour
        now = self.clock()
        recent = [at for at in self.counted if now - at < 3600]
        headers = {
            "X-RateLimit-Limit": str(quota),
            "X-RateLimit-Remaining": str(max(0, quota - len(recent) - 1)),
            "X-RateLimit-Reset": str(int((recent[0] if recent else now) + 3600)),
        }
        if request.headers.get("authorization") and not trusted:
            return reply_json({"message": "Bad credentials", "status": "401"}, 401)
        right = self._listing(request)
        fresh = right.etag is not None and request.headers.get("if-none-match") == right.etag
        if not fresh:  # a 304 costs nothing
            if len(recent) >= quota:
                self.api.violations.append("asked beyond the hourly quota") if len(recent) > quota else None
                self.counted.append(now)
                return reply_json({"message": "API rate limit exceeded", "status": "403"}, 403, **headers)
            self.counted.append(now)
        return Reply(right.status, right.body, right.content_type, {**headers, **right.headers}, etag=right.etag)

    def _listing(self, request: Request) -> Reply:
        if request.headers.get("x-github-api-version") != "2022-11-28":
            self.api.violations.append("no X-GitHub-Api-Version")
        match = re.fullmatch(rf"/repos/{self.owner}/([a-z0-9_]+)/releases", request.path)
        releases = self.repositories.get(match[1]) if match else None
        if match is None or releases is None:
            return reply_json({"message": "Not Found", "documentation_url": "https://docs", "status": "404"}, 404)
        size, page = int(request.one("per_page") or 30), int(request.one("page") or 1)
        if size > 100:
            self.api.violations.append("per_page above 100")
        shown = releases[:1000][(page - 1) * size : page * size]
        body = json.dumps([self._release(match[1], release) for release in shown]).encode()
        headers = {}
        if page * size < min(len(releases), 1000):
            following = f"{self.api.url}{request.path}?per_page={size}&page={page + 1}"
            headers["Link"] = f'<{following}>; rel="next", <{following}>; rel="last"'
        return Reply(200, body, headers=headers, etag=f'W/"{hashlib.sha256(body).hexdigest()}"')

    def _release(self, repository: str, release: Release) -> dict[str, Any]:
        return {
            "id": abs(hash(release.tag)) % 10**8,
            "tag_name": release.tag,
            "name": release.tag,
            "body": None,
            "draft": release.draft,
            "prerelease": False,
            "assets": [self._asset(repository, release, asset) for asset in release.assets],
        }

    def _asset(self, repository: str, release: Release, asset: Asset) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(asset.content).hexdigest()}" if asset.digest is True else asset.digest
        return {
            "name": asset.name,
            "size": len(asset.content) if asset.size is None else asset.size,
            "state": asset.state,
            "digest": digest or None,
            "content_type": "application/x-tar",
            "browser_download_url": (
                f"{self.site.url}/{self.owner}/{repository}/releases/download/{release.tag}/{asset.name}"
            ),
        }

    def _find(self, path: str, prefix: str) -> Asset | None:
        match = re.fullmatch(rf"{prefix}/{self.owner}/([a-z0-9_]+)/releases/download/([^/]+)/([^/]+)", path)
        if match is None:
            return None
        for release in self.repositories.get(match[1], []):
            for asset in release.assets:
                if (release.tag, asset.name) == (match[2], match[3]):
                    return asset
        return None

    def _site(self, request: Request) -> Reply:
        if self._find(request.path, "") is None:
            return Reply(404, b"Not Found", "text/plain")
        return Reply(302, b"", None, {"Location": f"{self.assets.url}/store{request.path}?sig=SIGNED-ADDRESS&se=1"})

    def _assets(self, request: Request) -> Reply:
        if request.headers.get("authorization"):
            self.assets.violations.append("credentials followed a redirect to another host")
        asset = self._find(request.path, "/store")
        if asset is None or request.one("sig") != "SIGNED-ADDRESS":
            return Reply(403, b"<Error>AuthenticationFailed</Error>", "application/xml")
        return Reply(200, content_type="application/octet-stream", file=asset.content)

    def _raw(self, request: Request) -> Reply:
        match = re.fullmatch(rf"/{self.owner}/([a-z0-9_]+)/main/PREFERRED_RELEASES\.txt", request.path)
        listed = self.preferred.get(match[1]) if match else None
        if listed is None:
            return Reply(404, b"404: Not Found", "text/plain")
        return Reply(200, listed.encode(), "text/plain", etag=f'"{hashlib.md5(listed.encode()).hexdigest()}"')


class Traces:
    """A globe_history or the sample archive: gzip'd traces by day, 404 for no data, 403 where blocked.

    `days` maps YYYY-MM-DD to {hex: gzip bytes}.
    """

    def __init__(self, clock: Any, *, samples: bool = False) -> None:
        self.days: dict[str, dict[str, bytes]] = {}
        self.samples = samples
        self.encoding = True
        self.host = Host("samples" if samples else "globe_history", self._serve, clock)

    def _serve(self, request: Request) -> Reply:
        start = "/traces" if self.samples else "/globe_history"
        middle = "" if self.samples else "/traces"
        match = re.fullmatch(rf"{start}/(\d{{4}})/(\d\d)/(\d\d){middle}/(.+)", request.path)
        day = self.days.get(f"{match[1]}-{match[2]}-{match[3]}") if match else None
        if match is None or day is None:
            return Reply(404, b"", "text/html")
        if match[4] == "index.json" and self.samples:
            return reply_json({"traces": sorted(day)})
        name = re.fullmatch(r"([0-9a-f]{2})/trace_full_(~?[0-9a-f]{6})\.json", match[4])
        if name is None or name[1] != name[2][-2:]:
            self.host.violations.append(f"a path that no client should ask for: {request.path}")
            return Reply(404, b"", "text/html")
        body = day.get(name[2])
        if body is None:
            return Reply(404, b"", "text/html")
        headers = {"Content-Encoding": "gzip"} if self.encoding else {}
        return Reply(200, body, "application/json", headers, file=body)
