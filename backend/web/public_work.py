"""Public work is weighed: so much a minute for one address of the network, and so many bytes at once.

`backend.web.rates` counts requests; here a thousand checks in one request count as more than one. Buckets of tokens in
the process: with several behind a proxy each counts for itself. Who is signed in is known by name and not limited here.
"""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Annotated, Final, cast

from fastapi import Depends, HTTPException, Request

from rules.translation import say

#: Addresses remembered, those that asked longest ago forgotten first: a few megabytes.
_MOST_ADDRESSES: Final = 50_000
#: An IPv6 line has 2^64 addresses of its own; they are one visitor.
_IPV6_PREFIX: Final = 64


@dataclass
class _Bucket:
    tokens: float
    at: float


class WorkLimit:
    """Buckets that fill by `per_minute` tokens a minute, up to as many."""

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, address: str, cost: float = 1, now: float | None = None) -> float:
        """Take `cost` tokens; 0 where there were enough, else the seconds until there will be."""
        now = monotonic() if now is None else now
        bucket = self._buckets.pop(address, None) or _Bucket(self._most, now)
        bucket.tokens = min(self._most, bucket.tokens + (now - bucket.at) * self._most / 60)
        bucket.at = now
        self._buckets[address] = bucket
        while len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        # What costs more than a full bucket waits for a full one.
        cost = min(cost, self._most)
        if bucket.tokens < cost:
            return (cost - bucket.tokens) * 60 / self._most
        bucket.tokens -= cost
        return 0


def spend(request: Request, cost: float = 1) -> None:
    """Count a public request.

    Raises:
        HTTPException: 429 with `Retry-After`, where too many came from this address.
    """
    if getattr(request.state, "visitor", None) is not None:
        return
    seconds = _limit_of(request).wait(_visitor_line(request), cost)
    if seconds > 0:
        raise HTTPException(
            429,
            say(
                "来自您所在网络的请求过于频繁，本次没有处理。请在 {seconds} 秒后再试；批量测评请用“批量自测”一次上传多家企业。",
                seconds=int(seconds) + 1,
            ),
            headers={"Retry-After": str(int(seconds) + 1)},
        )


class PublicPost:
    """A dependency for posts that need no account: counted, and no larger than `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes

    async def __call__(self, request: Request) -> None:
        spend(request)
        announced = request.headers.get("content-length", "")
        if not announced.isdecimal():
            raise HTTPException(411, say("请求没有说明长度，无法处理。请从页面上的按钮操作。"))
        if int(announced) > self._most:
            raise HTTPException(
                413, say("提交的内容超过 {most:g} MB，没有处理。请减少内容后再试。", most=self._most / 1_000_000)
            )


#: For forms and small files.
SmallPublicPost = Annotated[None, Depends(PublicPost(2_000_000))]


def _limit_of(request: Request) -> WorkLimit:
    state = request.app.state
    if not hasattr(state, "work_limit"):
        state.work_limit = WorkLimit(state.settings.public_posts_per_minute)
    return cast("WorkLimit", state.work_limit)


def _visitor_line(request: Request) -> str:
    host = request.client.host if request.client is not None else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(int(address) >> (128 - _IPV6_PREFIX))
