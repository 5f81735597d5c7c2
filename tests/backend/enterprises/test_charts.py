"""The charts of one enterprise's file."""

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.enterprise_file import enterprise_file
from backend.enterprises.file_view import FileView
from backend.enterprises.queries import find
from rules.library import library
from tests.factories import TODAY, make_enterprise, make_filing


async def view_of(session: AsyncSession, number: int) -> FileView:
    row = await find(session, str(number))
    assert row is not None
    return FileView(await enterprise_file(session, row, library(), TODAY), library())


async def test_a_year_without_any_charted_figure_takes_no_place_in_the_charts(session: AsyncSession):
    number = await make_enterprise(session)
    for year in (2024, 2025):
        await make_filing(session, number, {"sales_revenue": 1000}, year=year)
    # The year that runs has figures already, but none of those that are drawn.
    await make_filing(session, number, {"srdi_quality_score": 61}, year=2026)
    view = await view_of(session, number)
    assert view.file.years == [2026, 2025, 2024]
    (chart,) = view.charts
    assert chart["spec"]["categories"] == ["2024", "2025"]


async def test_all_charts_of_an_enterprise_have_the_same_years(session: AsyncSession):
    number = await make_enterprise(session)
    for year in (2023, 2024, 2025):
        figures = {"sales_revenue": 1000} | ({"employee_total": 50} if year > 2023 else {})
        await make_filing(session, number, figures, year=year)
    view = await view_of(session, number)
    assert [one["spec"]["categories"] for one in view.charts] == [["2023", "2024", "2025"]] * 2
    assert view.charts[1]["spec"]["series"][0]["values"] == [None, 50, 50]
