"""Files of checks: whatever stands in a line is told of that line, and the rest are answered."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import requests
from rules.answers import answer_line, answer_lines, as_line
from rules.catalogue import Indicator, Type
from rules.library import library
from rules.requests import read_lines


def answers(content: bytes) -> list[dict[str, Any]]:
    return list(answer_lines(read_lines(io.BytesIO(content)), library()))


def check(number: int, **facts: Any) -> bytes:
    request = {"id": number, "programme": "hnte", "as_of": "2026-07-15", "facts": facts}
    return json.dumps(request).encode() + b"\n"


def test_a_line_that_is_no_utf_8_has_its_own_error_and_its_id() -> None:
    given = answers(check(1) + check(2).replace(b"hnte", b"\xb8\xdf") + check(3))

    assert [one["id"] for one in given] == [1, 2, 3]
    assert ["不是 UTF-8 文本" in one.get("error", "") for one in given] == [False, True, False]


def test_a_line_that_is_too_long_is_passed_over_with_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_BYTES", 1000)
    given = answers(check(1) + check(2, industry_code="x" * 5000) + check(3))

    assert [one["id"] for one in given] == [1, 2, 3]
    assert given[1]["error"].startswith("这一行超过")
    assert "error" not in given[2]


def test_a_line_of_just_the_allowed_length_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_BYTES", len(check(1)))
    assert ["error" in one for one in answers(check(1) + check(2))] == [False, False]


def test_a_first_line_that_is_a_list_spoils_only_itself() -> None:
    assert ["error" in one for one in answers(b"[1, 2]\n" + check(2))] == [True, False]


def test_an_array_is_answered_up_to_the_element_that_is_no_json() -> None:
    given = answers(b"[" + check(1) + b"," + check(2) + b", {broken}, " + check(4) + b"]")

    assert [one["id"] for one in given[:2]] == [1, 2]
    assert "不是有效的 JSON" in given[2]["error"]
    assert len(given) == 3


def test_an_array_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_BYTES_OF_ARRAY", 1000)
    [only] = answers(b"[\n" + b",\n".join(check(number) for number in range(100)) + b"]")

    assert "请改为每行一个测评请求" in only["error"]


class Long(io.RawIOBase):
    """A file of many short lines that nobody holds as a whole."""

    def __init__(self, lines: int) -> None:
        self._lines: Iterator[bytes] = (b"x" * 999 + b"\n" for _ in range(lines))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        line = next(self._lines, b"")
        buffer[: len(line)] = line
        return len(line)


def test_a_file_of_200_mb_is_read_without_being_held() -> None:
    tracemalloc.start()
    count = sum(1 for _ in read_lines(io.BufferedReader(Long(200_000))))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 200_000
    assert most < 2**20


def test_half_a_character_in_an_id_is_written_back_as_it_came() -> None:
    given = answer_line('{"id": "\\ud800", "programme": "hnte", "as_of": "2026-07-15", "facts": {}}', library())

    assert '"id": "\\ud800"' in as_line(given).encode().decode()


@pytest.mark.parametrize(
    "number", ["1e99999999999999999999", "1e-99999999999999999999", "9" * 4000, "0." + "9" * 100_000]
)
def test_a_number_beyond_all_reckoning_is_dropped(number: str) -> None:
    text = (
        f'{{"id": 1, "programme": "hnte", "as_of": "2026-07-15", "facts": {{"sales_revenue": {{"2025": {number}}}}}}}'
    )
    given = answer_line(text, library())

    assert "sales_revenue" in given["error"]
    assert given["outcome"] == "undetermined"


def test_many_wrong_names_are_told_in_a_few_words() -> None:
    given = answers(check(1, **{f"unknown_{number}": 1 for number in range(5000)}))

    assert "另有 4980 处" in given[0]["error"]


@pytest.mark.parametrize("year", [-5, 2027, 10**9])
def test_an_audited_year_that_cannot_be_is_dropped(year: int) -> None:
    [given] = answers(check(1, latest_audited_fy=year))
    assert "应为不晚于测评日 2026-07-15 的年份" in given["error"]


def test_no_version_is_named_by_nothing() -> None:
    text = '{"id": 1, "programme": "hnte@", "as_of": "2026-07-15", "facts": {}}'
    assert "没有版本" in answer_line(text, library())["error"]


# Whatever anybody may send

NASTY = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=5),
    st.sampled_from(["none", "", "2024-02-30", "2024-02-29", "9999-12-31", "万元", "1e5", 10**15, -0.0, 1e-7, [], [1], {}]),
    st.dictionaries(st.sampled_from(["2025", "2024", "0000", "2031", "2025H1", "x"]), st.integers(-5, 10**6) | st.just("none"), max_size=3),
    st.lists(st.dictionaries(st.sampled_from(["date", "issued_on", "level", "amount", "x"]), st.integers() | st.text(max_size=3), max_size=2), max_size=2),
)  # fmt: skip
ASKED = [name for name, one in library().programmes.items() for _ in one.versions[:1]]


def plausible(indicator: Indicator) -> st.SearchStrategy[Any]:
    """A value of the right type, or `none`."""
    match indicator.type:
        case Type.BOOLEAN:
            one: st.SearchStrategy[Any] = st.booleans()
        case Type.DATE:
            one = st.sampled_from(["2024-02-29", "2026-07-15", "2010-01-01", "1900-01-01"])
        case Type.CHOICE:
            one = st.sampled_from(sorted(indicator.choices))
        case Type.TEXT:
            one = st.sampled_from(["3911", "6510", "2026321202A8000123", ""])
        case Type.LIST:
            return st.just([])
        case _:
            one = st.sampled_from([0, 1, 3, 60, 2025, 5000, 0.5])
    one |= st.just("none")
    return st.dictionaries(st.sampled_from(["2023", "2024", "2025"]), one) if indicator.period == "yearly" else one


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(ASKED), st.sampled_from(["2026-07-15", "2024-02-29", "2022-08-01"]))
def test_every_line_is_answered_whatever_its_facts_are(data: st.DataObject, programme: str, as_of: str) -> None:
    indicators = data.draw(
        st.lists(st.sampled_from(library().catalogue.indicators), max_size=12, unique_by=lambda one: one.id)
    )
    facts = {one.id: data.draw(NASTY if data.draw(st.booleans()) else plausible(one)) for one in indicators}
    request = {"id": "E", "programme": programme, "as_of": as_of, "facts": facts}

    given = json.loads(as_line(answer_line(json.dumps(request), library())))

    assert given["id"] == "E"
    assert "outcome" in given or given["error"]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda content: content.decode("latin-1")))
def test_every_text_is_answered_with_an_error(text: str) -> None:
    assert answer_line(text, library())["error"]
