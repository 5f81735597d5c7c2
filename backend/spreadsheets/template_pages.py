"""The page's download of workbooks to fill in."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Response

from backend.access.dependencies import Officer
from backend.clock import today
from backend.enterprises.chains import chain_names
from backend.enterprises.labels import Names, programme_choices, region_choices
from backend.plans.documents import plans
from backend.spreadsheets.layouts import LAYOUT_IDS
from backend.spreadsheets.programme_names import find_programme
from backend.spreadsheets.queries import enterprises_to_fill_in
from backend.spreadsheets.template_columns import CODE, NAME
from backend.spreadsheets.template_workbook import Asked, sheet_of, template_workbook
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download
from rules.library import library

router = APIRouter()


def listed_programmes() -> list[tuple[str, str]]:
    """The titles that lists can be read of, by id and name."""
    return [(one, called) for one, called in programme_choices(library()) if find_programme(called) == one]


@router.get("/imports/template")
async def template(
    session: Work,
    person: Officer,
    layout: Annotated[str, Query(alias="template_layout")] = "ledger",
    programme: Annotated[str, Query(alias="template_programme")] = "hnte",
    year: Annotated[str, Query(alias="template_year")] = "",
    known: Annotated[str, Query()] = "",
) -> Response:
    """A workbook to fill in, of a layout; with `known`, the enterprises of the registry stand in it already."""
    programmes = dict(listed_programmes())
    if layout not in LAYOUT_IDS or programme not in programmes:
        raise NotFound("没有这种填报模板，请从“导入”页选择。")
    chosen = int(year) if year.isdecimal() and 1990 <= int(year) <= today().year else today().year - 1
    asked = Asked(
        layout, programme, chosen, tuple(name for _, name in region_choices(person)),
        tuple(programmes.values()), tuple(dict.fromkeys(name for plan in plans().values() for name in chain_names(plan))),
    )  # fmt: skip
    names = Names(library())
    rows = [
        {
            NAME.title: one["name"],
            CODE.title: one["credit_code"] or "",
            "所在市（区）": names.region(one["region_code"]),
        }
        for one in (await enterprises_to_fill_in(session) if known else ())
    ]
    workbook = await to_thread.run_sync(template_workbook, asked, library(), rows)
    called = sheet_of(asked, library()).name
    about = f"-{programmes[programme]}" if layout in ("ledger", "figures", "notice") else ""
    return download(workbook, f"填报模板-{called}{about}-{asked.year}.xlsx")
