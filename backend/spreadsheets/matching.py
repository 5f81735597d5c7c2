"""Which enterprise a row is about: by code, else by a name borne on the row's day; never by likeness alone.

A likeness is shown to a person as a suggestion. Two invented firms one character apart are two firms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.names import match_key, similarity
from backend.spreadsheets.records import ReadRow

_LIKE_ENOUGH = 0.86
_SUGGESTIONS = 3
#: Rows for which suggestions are looked up; a list that is all wrong needs no thousand of them.
_MOST_SUGGESTED = 200


@dataclass(frozen=True)
class Match:
    """What the registry knows of the enterprise of a row."""

    enterprise_id: int | None = None
    #: Why there is none, in Chinese; empty where there is one or a new one may be registered.
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class _Bearer:
    """An enterprise that bears or bore a name."""

    id: int
    credit_code: str | None
    name: str
    region_code: str
    established_on: date | None
    used_from: date | None
    used_to: date | None

    def bore_on(self, day: date | None) -> bool:
        """Whether the name was its name on a day; without a day, whether it still is or ever was."""
        if day is None:
            return True
        begun = self.used_from or self.established_on
        return (begun is None or begun <= day) and (
            self.used_to is None or self.used_to.year == 1 or day <= self.used_to
        )


async def match_rows(session: AsyncSession, rows: Sequence[ReadRow], own_region: str = "") -> list[Match]:
    """For each row the enterprise it is about.

    Args:
        session: within the scope of whoever imports.
        rows: rows without errors of their own.
        own_region: the district of a district's officer; rows of others are refused.
    """
    by_code = await _ids_by_code(session, rows)
    elsewhere = await _registered_elsewhere(session, rows, by_code) if own_region else set[str]()
    bearers = await _bearers(session, [match_key(row.enterprise.name) for row in rows if row.enterprise.name])
    matches = [_match(row, by_code, elsewhere, bearers, own_region) for row in rows]
    return await _with_suggestions(session, rows, matches)


async def _ids_by_code(session: AsyncSession, rows: Sequence[ReadRow]) -> dict[str, int]:
    codes = {row.enterprise.credit_code for row in rows if row.enterprise.credit_code}
    numbers = {one.value for row in rows for one in row.enterprise.other_numbers}
    found = await session.execute(
        text(
            "SELECT credit_code, id FROM enterprise WHERE credit_code = ANY(:codes)"
            " UNION ALL SELECT value, enterprise_id FROM enterprise_identifier WHERE value = ANY(:numbers)"
        ),
        {"codes": sorted(codes), "numbers": sorted(numbers)},
    )
    return {row[0]: row[1] for row in found}


async def _registered_elsewhere(session: AsyncSession, rows: Sequence[ReadRow], by_code: Mapping[str, int]) -> set[str]:
    codes = {row.enterprise.credit_code for row in rows if row.enterprise.credit_code} - set(by_code)
    found = await session.execute(text("SELECT codes_registered(:codes)"), {"codes": sorted(codes)})
    return set(found.scalars())


async def _bearers(session: AsyncSession, keys: Sequence[str]) -> dict[str, list[_Bearer]]:
    found = await session.execute(
        text(
            "SELECT n.match_key, e.id, e.credit_code, e.name, e.region_code, e.established_on, n.used_from, n.used_to"
            " FROM enterprise_name n JOIN enterprise e ON e.id = n.enterprise_id WHERE n.match_key = ANY(:keys)"
        ),
        {"keys": sorted(set(keys))},
    )
    bearers: dict[str, list[_Bearer]] = {}
    for key, *values in found:
        bearers.setdefault(key, []).append(_Bearer(*values))
    return bearers


def _match(
    row: ReadRow, by_code: Mapping[str, int], elsewhere: set[str], bearers: Mapping[str, list[_Bearer]], own_region: str
) -> Match:
    who = row.enterprise
    if own_region and who.region_code and who.region_code != own_region and not who.region_is_inherited:
        return Match(None, "所属区域不在您的市（区）", "请由该市（区）或市级人员导入")
    if who.credit_code in elsewhere:
        return Match(None, "这家企业登记在其他市（区）", "请由该市（区）或市级人员导入")
    if who.credit_code:
        return _by_code(row, who.credit_code, by_code, bearers)
    for number in who.other_numbers:
        if number.value in by_code:
            return Match(by_code[number.value])
    return _by_name(row, bearers)


def _by_code(row: ReadRow, code: str, by_code: Mapping[str, int], bearers: Mapping[str, list[_Bearer]]) -> Match:
    if code in by_code:
        return Match(by_code[code])
    # Known by name only so far, from a list that printed no code: now it has one.
    nameless = [one for one in bearers.get(match_key(row.enterprise.name), []) if one.credit_code is None]
    return Match(nameless[0].id) if len(nameless) == 1 else Match()


def _by_name(row: ReadRow, bearers: Mapping[str, list[_Bearer]]) -> Match:
    candidates = _of_the_day(bearers.get(match_key(row.enterprise.name), []), _day_of(row))
    if not candidates:
        for former in row.enterprise.former_names:
            candidates = _of_the_day(bearers.get(match_key(former.name), []), None)
            if candidates:
                break
    if len({one.id for one in candidates}) > 1 and row.enterprise.region_code:
        near = [one for one in candidates if one.region_code == row.enterprise.region_code]
        candidates = near or candidates
    ids = {one.id for one in candidates}
    if len(ids) == 1:
        return Match(ids.pop())
    if ids:
        listed = "、".join(sorted({f"{one.name}（{one.credit_code or '无代码'}）" for one in candidates}))
        return Match(None, f"有 {len(ids)} 家企业用过这个名称：{listed}", "请在表中补上统一社会信用代码")
    if row.layout in ("ledger", "enterprises") and row.enterprise.other_numbers:
        return Match()  # an old registration number names it as well as a code
    return Match(None, "没有统一社会信用代码，库内也没有叫这个名称的企业", "请补上统一社会信用代码，或先登记这家企业")


def _day_of(row: ReadRow) -> date | None:
    return next((one.dated_on for one in row.recognitions if one.dated_on is not None), None)


def _of_the_day(bearers: Sequence[_Bearer], day: date | None) -> list[_Bearer]:
    """Those that bore the name on the day. One that gave it up later goes before one that took it over."""
    borne = [one for one in bearers if one.bore_on(day)]
    if day is not None and len({one.id for one in borne}) > 1:
        gave_up = [one for one in borne if one.used_to is not None and one.used_to.year > 1]
        borne = gave_up or [one for one in borne if one.used_to is None] or borne
    # A list prints the old name for a while after it was given up.
    return borne or (list(bearers) if len({one.id for one in bearers}) == 1 else [])


async def _with_suggestions(session: AsyncSession, rows: Sequence[ReadRow], matches: list[Match]) -> list[Match]:
    """For names nobody bears, those that are like them: for a person to decide."""
    open_ones = [
        position
        for position, match in enumerate(matches)
        if match.problem.startswith("没有统一") and rows[position].enterprise.name
    ][:_MOST_SUGGESTED]
    for position in open_ones:
        name = rows[position].enterprise.name
        found = await session.execute(
            text(
                "SELECT name, credit_code FROM enterprise WHERE search_text % :name"
                " ORDER BY similarity(search_text, :name) DESC LIMIT 20"
            ),
            {"name": name.lower()},
        )
        alike = [(similarity(name, row[0]), row[0], row[1]) for row in found]
        near = sorted((one for one in alike if one[0] >= _LIKE_ENOUGH), reverse=True)[:_SUGGESTIONS]
        if near:
            listed = "、".join(f"{other}（{code or '无代码'}）" for _, other, code in near)
            matches[position] = Match(
                None, matches[position].problem, f"相近的有：{listed}。请核对后补上统一社会信用代码"
            )
    return matches
