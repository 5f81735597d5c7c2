"""Proof that a form was opened here: another site can send one in somebody's name, but cannot read what ours holds."""

import secrets
from typing import Final

from fastapi import Request
from starlette.datastructures import UploadFile

from backend.web.errors import Refusal
from rules.translation import marked, say

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FIELD: Final = "csrf_token"
HEADER: Final = "X-CSRF-Token"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


class ForgedRequest(Refusal):
    """The proof is missing or of another session."""

    status = 403
    slug = "csrf"
    title = marked("页面已过期")

    def __init__(self) -> None:
        super().__init__(say("这个页面已过期，或不是从本系统打开的，本次操作没有执行。请返回并刷新页面后再提交。"))


async def demand_proof(request: Request, expected: str) -> None:
    """Raises ForgedRequest unless the header or the form's field holds what is expected."""
    given = request.headers.get(HEADER) or await _field(request)
    if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
        raise ForgedRequest


async def _field(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith(_FORMS):
        return ""
    value = (await request.form()).get(FIELD, "")
    return "" if isinstance(value, UploadFile) else value
