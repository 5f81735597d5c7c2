"""Whose row it is: by code, by the name borne on the day, by a former name; a likeness is shown and never taken."""

from datetime import date
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.correcting import change_code
from backend.enterprises.merging import Merge, merge
from backend.enterprises.schemas import FormerName
from backend.spreadsheets.fates import NEW_ENTERPRISE, Fate, Report, RowFate
from tests.backend.spreadsheets.importing import column, importer, reasons, scalar, take
from tests.factories import make_code, make_enterprise

LIST: list[list[Any]] = [
    ["2025年度江苏省专精特新中小企业名单"],
    ["（公告日期：2025年12月19日）"],
    ["序号", "企业名称", "统一社会信用代码", "所在地区"],
]
LEDGER_HEAD = ["企业名称", "统一社会信用代码", "2025年营业收入（万元）"]


def listed(*rows: tuple[str, str] | tuple[str, str, str]) -> list[list[Any]]:
    """An official list of names and codes, perhaps with regions."""
    return [*LIST, *([number, *row] for number, row in enumerate(rows, start=1))]


async def only(session: AsyncSession, table: list[list[Any]], **by: Any) -> RowFate:
    """The fate of the one row of a table."""
    (fate,) = (await take(session, table, by=importer(**by))).fates
    return fate


async def test_a_code_decides_whatever_the_name(session: AsyncSession):
    code = make_code()
    known = await make_enterprise(session, name="泰州甲科技有限公司", credit_code=code)
    await make_enterprise(session, name="泰州乙科技有限公司")
    assert (await only(session, listed(("泰州乙科技有限公司", code)))).enterprise_id == known


async def test_a_code_nobody_has_is_a_new_enterprise_even_under_a_known_name(session: AsyncSession):
    await make_enterprise(session, name="泰州甲科技有限公司")
    fate = await only(session, listed(("泰州甲科技有限公司", make_code())))
    assert fate.fate is Fate.NEW
    assert "库内已有同名企业" in reasons(fate)
    assert await scalar(session, "SELECT count(*) FROM enterprise") == 2


async def test_a_code_is_given_to_whom_a_list_had_named_without_one(session: AsyncSession):
    known, code = await make_enterprise(session, name="泰州甲科技有限公司", credit_code=None), make_code()
    assert (await only(session, listed(("泰州甲科技有限公司", code)))).enterprise_id == known
    assert await scalar(session, "SELECT credit_code FROM enterprise WHERE id = :id", id=known) == code


async def test_without_a_code_the_name_decides_in_whatever_brackets_and_width(session: AsyncSession):
    known = await make_enterprise(session, name="泰州甲（江苏）科技有限公司")
    assert (await only(session, listed(("泰州甲(江苏) 科技有限公司", "")))).enterprise_id == known


async def test_without_a_code_a_former_name_decides(session: AsyncSession):
    known = await make_enterprise(
        session, name="泰州新名科技有限公司", former_names=(FormerName("泰州旧名科技有限公司", date(2025, 1, 31)),)
    )
    fate = await only(session, listed(("泰州旧名科技有限公司", "")))
    assert (fate.enterprise_id, fate.fate) == (known, Fate.CHANGED)
    assert await scalar(session, "SELECT name FROM enterprise WHERE id = :id", id=known) == "泰州新名科技有限公司"


async def test_of_two_that_bore_a_name_the_one_that_bore_it_on_the_lists_day_is_meant(session: AsyncSession):
    gave_up = await make_enterprise(
        session, name="泰州甲科技有限公司", former_names=(FormerName("泰州共名有限公司", date(2026, 1, 31)),)
    )
    await make_enterprise(session, name="泰州共名有限公司", established_on=date(2026, 3, 1))
    assert (await only(session, listed(("泰州共名有限公司", "")))).enterprise_id == gave_up


async def test_of_two_that_bear_a_name_the_region_of_the_row_tells(session: AsyncSession):
    await make_enterprise(session, name="泰州同名有限公司", region_code="321202")
    other = await make_enterprise(session, name="泰州同名有限公司", region_code="321281")
    assert (await only(session, listed(("泰州同名有限公司", "", "兴化市")))).enterprise_id == other


async def test_two_that_nothing_tells_apart_are_left_to_a_person(session: AsyncSession):
    codes = [make_code(), make_code()]
    for code in codes:
        await make_enterprise(session, name="泰州同名有限公司", credit_code=code)
    fate = await only(session, listed(("泰州同名有限公司", "")))
    assert fate.fate is Fate.REFUSED
    assert [one for one in codes if one not in reasons(fate)] == []
    assert {one.credit_code for one in fate.candidates} == set(codes)


async def test_a_likeness_is_only_suggested(session: AsyncSession):
    code = make_code()
    await make_enterprise(session, name="泰州华创电子科技有限公司", credit_code=code)
    fate = await only(session, listed(("泰州华创电孑科技有限公司", "")))
    assert (fate.fate, fate.enterprise_id) == (Fate.REFUSED, None)
    assert [one.credit_code for one in fate.candidates] == [code]
    assert f"相近的有：泰州华创电子科技有限公司（{code}）" in reasons(fate)
    assert await scalar(session, "SELECT count(*) FROM recognition") == 0


async def test_a_name_like_nobodys_gets_no_suggestion(session: AsyncSession):
    await make_enterprise(session, name="泰州华创电子科技有限公司")
    fate = await only(session, listed(("兴化戴南不锈钢制品厂", "")))
    assert (fate.fate, fate.candidates) == (Fate.REFUSED, ())
    assert "库内也没有叫这个名称的企业" in reasons(fate)


async def test_what_a_person_chose_for_a_doubtful_row_decides(session: AsyncSession):
    known = await make_enterprise(session, name="泰州华创电子科技有限公司")
    table = listed(("泰州华创电孑科技有限公司", ""), ("泰州全新科技有限公司", ""))
    choices = {"Sheet1!4": known, "Sheet1!5": NEW_ENTERPRISE}
    report: Report = await take(session, table, by=importer(choices=choices))
    assert [one.fate for one in report.fates] == [Fate.CHANGED, Fate.NEW]
    assert report.fates[0].enterprise_id == known
    names = await column(session, "SELECT name FROM enterprise ORDER BY id")
    assert names == ["泰州华创电子科技有限公司", "泰州全新科技有限公司"]


async def test_an_old_registration_number_finds_its_enterprise_which_keeps_its_name(session: AsyncSession):
    number = "321283000042188"
    known = await make_enterprise(session, name="泰州甲科技有限公司", identifiers={"registration_number": number})
    fate = await only(session, [LEDGER_HEAD, ["泰州改称有限公司", number, 5]])
    assert fate.enterprise_id == known
    assert "按旧号码对应到库内的“泰州甲科技有限公司”，名称未改" in reasons(fate)
    assert await column(session, "SELECT name FROM enterprise") == ["泰州甲科技有限公司"]


async def test_an_enterprise_known_by_an_old_number_alone_is_found_again(session: AsyncSession):
    table = [LEDGER_HEAD, ["泰州旧号有限公司", "321283000042188", 5]]
    assert (await only(session, table)).fate is Fate.NEW
    assert (await only(session, table)).fate is Fate.UNCHANGED
    assert await scalar(session, "SELECT count(*) FROM enterprise") == 1


async def test_a_ledgers_row_without_code_and_name_known_is_refused_with_the_remedy(session: AsyncSession):
    fate = await only(session, [LEDGER_HEAD, ["泰州无码科技有限公司", "", 5]])
    assert fate.fate is Fate.REFUSED
    assert "请补上统一社会信用代码，或先登记这家企业" in reasons(fate)


async def test_a_code_that_an_enterprise_had_before_is_its_own(session: AsyncSession):
    code = make_code()
    known = await make_enterprise(session, name="泰州甲科技有限公司", credit_code=code)
    await change_code(session, known, make_code(), 1)
    assert (await only(session, listed(("泰州甲科技有限公司", code)))).enterprise_id == known


@pytest.mark.parametrize("printed", ["code", "name"])
async def test_what_named_a_file_that_is_part_of_another_names_that_other(session: AsyncSession, printed: str):
    code = make_code()
    closed = await make_enterprise(session, name="泰州乙科技有限公司", credit_code=code)
    known = await make_enterprise(session, name="泰州甲科技有限公司")
    await merge(session, Merge(closed, known, "同一家"))
    row = ("泰州乙科技有限公司", code if printed == "code" else "")
    assert (await only(session, listed(row))).enterprise_id == known
