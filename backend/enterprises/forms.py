"""What the forms about one enterprise share: the enterprise, the page, days as typed."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from backend.enterprises.labels import Names
from backend.enterprises.queries import find
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.templates import render
from rules.library import library

#: Field of a form → what is wrong with it and what to do.
Errors: TypeAlias = dict[str, str]


async def _chosen(session: Work, code: str) -> Mapping[str, Any]:
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。请核对统一社会信用代码，或在企业列表中查找。")
    return row


#: The enterprise of the address `/enterprises/{code}…`, as far as whoever asks may see it. Raises NotFound.
ChosenEnterprise = Annotated[Mapping[str, Any], Depends(_chosen, scope="function")]


def address_of(row: Mapping[str, Any]) -> str:
    """Where the file of an enterprise is."""
    return f"/enterprises/{row['credit_code'] or row['id']}"


def form_page(
    request: Request, template: str, heading: str, row: Mapping[str, Any], errors: Errors, **context: Any
) -> HTMLResponse:
    """A form about an enterprise: what was typed stays, and each mistake stands by its field."""
    trail = [("企业", "/enterprises"), (row["name"], address_of(row)), (heading, None)]
    listed = [{"field": field, "message": message} for field, message in errors.items()]
    known = {
        "page_title": heading, "breadcrumb": trail, "row": row, "address": address_of(row), "errors": listed,
        "error_of": errors, "names": Names(library()),
    }  # fmt: skip
    return render(request, template, status_code=422 if errors else 200, **known, **context)


def check_lengths(typed: Mapping[str, str], most: Mapping[str, int], errors: Errors) -> None:
    """Note by its field whatever is longer than the registry holds; `most` says how many characters that is."""
    for field, limit in most.items():
        if (length := len(typed[field].strip())) > limit:
            errors[field] = f"最多 {limit} 个字，填了 {length} 个字，请缩短后再保存。"


def typed_day(written: str, field: str, errors: Errors) -> date | None:
    """A day as typed; None where nothing was, or no day, which is noted by the field."""
    try:
        return date.fromisoformat(written.strip()) if written.strip() else None
    except ValueError:
        errors[field] = f"“{written}”不是日期，请写成 2026-03-31 这样。"
        return None
