"""Writers who go on whatever happens to the service, and remember what they were promised."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from tests.factories import make_code

#: Seconds after which a writer gives a request up and sends it again.
PATIENCE = 3.0
ROWS = 12


@dataclass
class Promised:
    """What was answered 2xx: figures by enterprise, certificates, imports."""

    figures: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    certificates: list[str] = field(default_factory=list[str])
    #: Every import that was handed in, by the names of its enterprises' first words.
    imports: list[str] = field(default_factory=list[str])
    #: Answers that told a failure, and requests without any.
    refused: list[str] = field(default_factory=list[str])
    unanswered: int = 0


@dataclass
class Writers:
    """Each goes on until `stop`; a request that was not answered is sent again under its key until it is."""

    client: httpx.AsyncClient
    codes: Sequence[str]
    promised: Promised = field(default_factory=Promised)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    async def progress(self, least: int) -> None:
        """Until of everything so much more was promised; slow machines take longer."""
        promised = self.promised
        kinds = (promised.figures, promised.certificates, promised.imports)
        before = [len(one) for one in kinds]
        async with asyncio.timeout(120):
            while any(len(one) < was + least for one, was in zip(kinds, before, strict=True)):
                assert not promised.refused, promised.refused[0]
                await asyncio.sleep(0.05)

    async def file_figures(self) -> None:
        """One figure after another, each another value."""
        while not self.stop.is_set():
            number = self.numbers()
            code = self.codes[number % len(self.codes)]
            body = {"year": 2025, "values": {"sales_revenue": number}, "note": "看过报表"}
            if await self._sent(f"/api/v1/enterprises/{code}/filings", body):
                self.promised.figures.append((code, number))

    async def grant_titles(self) -> None:
        """Titles of ever other days: the same of the same day would be one that is registered already."""
        while not self.stop.is_set():
            number = self.numbers()
            day = (date(1988, 1, 1) + timedelta(days=number)).isoformat()
            body = {
                "enterprise": self.codes[number % len(self.codes)], "programme": "hnte", "number": f"GR202432{number:06}",
                "granted_on": day, "valid_from": day, "notice": "名单",
            }  # fmt: skip
            if await self._sent("/api/v1/recognitions", body):
                self.promised.certificates.append(body["number"])

    async def import_files(self) -> None:
        """Files of some enterprises each, handed in and carried out."""
        while not self.stop.is_set():
            name = f"泰州{uuid4().hex[:8]}"
            rows = "".join(f"{name}第{number}有限公司,{make_code('321202')},海陵区\n" for number in range(ROWS))
            content = f"企业名称,统一社会信用代码,所在地区\n{rows}".encode()
            self.promised.imports.append(name)
            try:
                files = {"file": (f"{name}.csv", content, "text/csv")}
                page = await self.client.post("/imports", files=files, data={"layout": "enterprises"})
                if page.status_code == 303:
                    await self.client.post(f"{page.headers['location']}/commit")
            except httpx.HTTPError:
                self.promised.unanswered += 1
                await asyncio.sleep(0.1)

    async def _sent(self, path: str, body: dict[str, Any]) -> bool:
        """Whether it was answered 2xx in the end."""
        key = {"Idempotency-Key": str(uuid4())}
        while True:
            try:
                answer = await self.client.post(path, json=body, headers=key, timeout=PATIENCE)
            except httpx.HTTPError:
                self.promised.unanswered += 1
            else:
                if answer.status_code < 300:
                    return True
                if answer.status_code != 503:
                    self.promised.refused.append(f"{path} {body}: {answer.status_code} {answer.text[:300]}")
                    return False
            await asyncio.sleep(0.1)
