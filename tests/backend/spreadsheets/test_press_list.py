"""The firms that the press named with an honour: what is a recognition becomes one, what is not is told or refused.

Six of the 36 rows are refused whoever imports them: 既有 (twice) says that a title was there and neither since when
nor by which batch, so that it could be given neither a first nor a last day; 上榜 is the word of a private ranking; and of 苏州市瞪羚计划
(twice) and 江苏省专精特新产品企业 no document says that they are the province's gazelle and the SRDI SME they sound like.
"""

import csv
import io
from collections import Counter
from datetime import date

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.spreadsheets.fates import Fate, Report
from backend.spreadsheets.programme_names import find_programme, why_unclear
from tests.backend.spreadsheets.importing import column, rows_written, scalar, take
from tests.factories import make_enterprise, make_recognition
from tests.shared_data import shared_data

#: What the list's words mean; 公示 is not yet 认定, as its README says.
TOLD = ("公示", "复核通过公示", "拟入库")
GRANTED = ("公布", "认定", "通过认定评审", "评估入选")
REVOKED, REFUSED = "取消资格", ("既有", "上榜")
UNCLEAR = {"苏州市瞪羚计划": "js_gazelle", "江苏省专精特新产品企业": "srdi_sme"}
HONOURS = {
    "国家专精特新“小巨人”企业": "little_giant", "江苏省专精特新中小企业": "srdi_sme", "安徽省专精特新中小企业": "srdi_sme",
    "高新技术企业": "hnte", "制造业单项冠军企业": "single_champion", "江苏省高新区瞪羚企业": "js_gazelle",
}  # fmt: skip
Row = dict[str, str]


@pytest.fixture
def rows() -> list[Row]:
    path = shared_data("recognised-firms-press") / "recognised_firms.csv"
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def named(row: Row) -> str:
    """The enterprise, its brackets as the registry writes them."""
    return row["enterprise_name"].replace("(", "（").replace(")", "）")


def as_file(rows: list[Row]) -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


@pytest.fixture
async def reports(session: AsyncSession, rows: list[Row]) -> list[Report]:
    """The firms are known; each year's rows are handed in as a list of that year, since the press prints no day."""
    for one in rows:
        if one["event"] not in TOLD:
            number = await make_enterprise(session, name=one["enterprise_name"].replace("(", "（").replace(")", "）"))
            if one["event"] == REVOKED:
                await make_recognition(session, number, "hnte", date(2020, 12, 2))
    done: list[Report] = []
    for year in sorted({one["year"] for one in rows}):
        some = as_file([one for one in rows if one["year"] == year])
        day = date(int(year or 2024), 12, 31)
        done.append(await take(session, some, file_name="recognised_firms.csv", dated_on=day))
    return done


async def test_each_row_is_taken_told_or_refused_as_its_word_says(rows: list[Row], reports: list[Report]):
    unclear = {named(one) for one in rows if one["honour"] in UNCLEAR}
    events = {named(one): one["event"] for one in rows}
    found = {one.row.enterprise.name: one.fate for report in reports for one in report.fates}
    assert len(found) == len(rows) == 36
    assert {name for name, fate in found.items() if fate is Fate.NOTED} == {
        name for name in events if events[name] in TOLD
    } - unclear
    assert {name for name, fate in found.items() if fate is Fate.REFUSED} == {
        name for name in events if events[name] in REFUSED
    } | unclear


async def test_what_is_refused_is_told_with_the_word_that_says_nothing(reports: list[Report]):
    problems = [one for report in reports for fate in report.refused for one in fate.problems]
    assert Counter((one.value, one.reason) for one in problems) == {
        ("既有", "不是能识别的事项"): 2, ("上榜", "不是能识别的事项"): 1,
        ("苏州市瞪羚计划", "可能是市级或园区的瞪羚名单，不能当作江苏省瞪羚企业"): 2,
        ("江苏省专精特新产品企业", "是早年的“专精特新产品”称号，不能当作专精特新中小企业"): 1,
    }  # fmt: skip


async def test_as_many_titles_are_granted_as_the_press_calls_granted(
    session: AsyncSession, rows: list[Row], reports: list[Report]
):
    granted = [one for one in rows if one["event"] in GRANTED and one["honour"] not in UNCLEAR]
    found = await session.execute(
        text(
            "SELECT e.name, r.programme FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
            " WHERE r.superseded_at IS NULL AND r.revoked_on IS NULL"
        )
    )
    programmes = {str(name): str(programme) for name, programme in found}
    assert len(programmes) == len(granted) == 12
    for one in granted:
        held = programmes[one["enterprise_name"].replace("(", "（").replace(")", "）")]
        assert held == HONOURS.get(one["honour"], held)


async def test_what_a_person_has_looked_up_is_taken_as_that_person_says(session: AsyncSession, rows: list[Row]):
    (row,) = [one for one in rows if one["honour"] == "江苏省专精特新产品企业"]
    await make_enterprise(session, name=named(row))
    for honour in (row["honour"], UNCLEAR[row["honour"]]):
        await take(session, as_file([row | {"honour": honour}]), file_name="一份名单.csv", dated_on=date(2024, 12, 31))
        held = await column(session, "SELECT programme FROM recognition")
        assert held == ([] if honour == row["honour"] else ["srdi_sme"])


@pytest.mark.parametrize(
    ("name", "programme"),
    [
        ("江苏省高新区瞪羚企业", "js_gazelle"), ("瞪羚企业", "js_gazelle"), ("泰州市2024年江苏省瞪羚企业名单", "js_gazelle"),
        ("苏州市瞪羚计划", ""), ("南京市瞪羚企业", ""), ("苏州工业园区瞪羚企业", ""),
        ("江苏省专精特新中小企业", "srdi_sme"), ("江苏省专精特新产品企业", ""),
    ],
)  # fmt: skip
def test_a_name_that_only_sounds_like_a_programme_is_none(name: str, programme: str):
    assert (find_programme(name), why_unclear(name) is None) == (programme, bool(programme))


async def test_the_title_that_was_taken_away_ended_in_that_year(session: AsyncSession, reports: list[Report]):
    assert await column(session, "SELECT revoked_on FROM recognition WHERE revoked_on IS NOT NULL") == [
        date(2022, 12, 31)
    ]


async def test_another_citys_park_is_not_taken_for_ours(reports: list[Report]):
    places = {one.row.enterprise.name: one.row.enterprise.region_code for report in reports for one in report.fates}
    assert places["郑州云飞扬信息技术有限公司"] == places["河南辉煌软件有限公司"] == ""
    assert places["泰兴市东圣生物科技有限公司"] == "321283"


async def test_without_a_day_nothing_of_it_is_written(session: AsyncSession, rows: list[Row]):
    before = await rows_written(session)
    report = await take(session, as_file(rows), file_name="recognised_firms.csv")
    reasons = [{one.reason for one in fate.problems} for fate in report.refused]
    assert len(reasons) == 36
    assert all(one & {"没有日期", "不是能识别的事项"} or any("不能当作" in word for word in one) for one in reasons)
    assert await rows_written(session) == before
    assert await scalar(session, "SELECT count(*) FROM recognition") == 0
