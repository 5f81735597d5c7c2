"""The titles under which the national office publishes its lists say what they are about."""

import csv
from datetime import date
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.spreadsheets.fates import Fate
from backend.spreadsheets.programme_names import find_event, find_programme
from backend.spreadsheets.records import RecognitionEvent
from tests.backend.spreadsheets.conftest import Rows
from tests.backend.spreadsheets.importing import column, take
from tests.factories import make_code, make_enterprise, make_recognition
from tests.shared_data import shared_data

#: The kind of notice, as the office's site has it, and what its list says of a title.
KINDS = {
    "备案公示": RecognitionEvent.PUBLICITY, "备案公告": RecognitionEvent.GRANTED,
    "补充备案公告": RecognitionEvent.GRANTED, "更名": RecognitionEvent.RENAMED,
    "取消资格": RecognitionEvent.REVOKED, "异地搬迁资格继续有效": RecognitionEvent.MOVED,
}  # fmt: skip
CODE = make_code("321282")
#: The site files this notice of what is only proposed under what was announced.
PROPOSED = "拟进行补充备案的公示"


def test_every_whole_title_of_the_office_s_notices_is_read_as_what_it_is() -> None:
    with shared_data("hnte-notices/hnte_notices.csv").open(encoding="utf-8", newline="") as file:
        notices = [row for row in csv.DictReader(file) if not row["title_truncated"] and row["notice_type"]]
    wrong = [
        (row["title"], event)
        for row in notices
        if (event := find_event(row["title"])) is not KINDS[row["notice_type"]] and PROPOSED not in row["title"]
    ]
    assert (len(notices) > 400, wrong) == (True, [])
    assert [row["title"] for row in notices if find_programme(row["title"]) != "hnte"] == []


def moved(name: str, code: str) -> Rows:
    return [
        ["关于江苏省2024年第一批完成异地搬迁高新技术企业资格继续有效的公告"],
        ["二〇二四年十月十五日"],
        ["序号", "企业名称", "统一社会信用代码"],
        [1, name, code],
    ]


@pytest.mark.parametrize(
    ("granted_on", "told"),
    [(date(2023, 11, 6), "原证书继续有效至 2026-11-05，没有新证"), (date(2020, 11, 6), "却已于 2023-11-05 到期")],
)
async def test_who_moved_whole_keeps_the_certificate_and_gets_no_new_one(
    session: AsyncSession, granted_on: date, told: str
) -> None:
    known = await make_enterprise(session, name="泰州甲科技有限公司", credit_code=CODE, region_code="321282")
    await make_recognition(session, known, "hnte", granted_on)
    (fate,) = (await take(session, moved("泰州甲科技有限公司", CODE))).fates
    assert fate.fate is Fate.UNCHANGED
    assert told in str([one.reason for one in fate.problems])
    assert await column(session, "SELECT granted_on FROM recognition") == [granted_on]


async def test_who_moved_in_with_a_certificate_that_nobody_entered_is_told_what_to_do(session: AsyncSession) -> None:
    await make_enterprise(session, name="泰州甲科技有限公司", credit_code=CODE, region_code="321282")
    (fate,) = (await take(session, moved("泰州甲科技有限公司", CODE))).fates
    told: Any = [(one.reason, one.remedy) for one in fate.problems]
    assert fate.fate is Fate.REFUSED
    assert "按原证书的编号和发证日期登记认定" in str(told)
    assert await column(session, "SELECT id FROM recognition") == []
