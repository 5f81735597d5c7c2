"""Compare the rows of a file with each other: what is said again is left out, what contradicts itself is named."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from backend.enterprises.names import match_key
from backend.spreadsheets.kept_rows import KeptRows
from backend.spreadsheets.records import (
    EnterpriseRecord,
    Figure,
    ReadRow,
    RowProblem,
    Severity,
    SkippedRow,
    SkipReason,
)


def compared(rows: Iterable[ReadRow]) -> tuple[tuple[ReadRow, ...], list[SkippedRow]]:
    """Leave out a row that says again what another says, and name rows that contradict each other."""
    earlier = _Earlier()
    kept = [_beside(row, earlier) for row in rows]
    return (
        tuple(one for one in kept if isinstance(one, ReadRow)),
        [one for one in kept if isinstance(one, SkippedRow)],
    )


def compared_together(rows: KeptRows, groups: Sequence[list[int]]) -> tuple[KeptRows, list[SkippedRow]]:
    """The same of many rows, of which only those are looked at that hang together (`grouping`)."""
    left: dict[int, SkippedRow] = {}
    for group in groups:
        earlier = _Earlier()
        for place in group:
            row = rows[place]
            kept = _beside(row, earlier)
            if isinstance(kept, SkippedRow):
                left[place] = kept
            elif kept is not row:
                rows.put(place, kept)
    out = sorted(left)
    rows.leave_out(out)
    moved = ([place - bisect_left(out, place) for place in group if place not in left] for group in groups)
    rows.together = [group for group in moved if len(group) > 1]
    return rows, [left[place] for place in out]


def _beside(row: ReadRow, earlier: "_Earlier") -> ReadRow | SkippedRow:
    """What a row is beside those before it."""
    first = _first_alike(row, earlier)
    if first is None or not row.is_good:
        return row
    if difference := _difference(first, row):
        return _with_problem(row, first, difference)
    if first.sheet != row.sheet and _regions_differ(first, row):
        return _with_region_warning(row, first)
    text = f"{row.enterprise.name}：与{_place(first, row)}相同"
    return SkippedRow(row.sheet, row.row, SkipReason.DUPLICATE, text)


@dataclass
class _Earlier:
    """Rows by whom they are about. Mostly there is one of each, which a list for each would double."""

    firsts: dict[str, ReadRow] = field(default_factory=dict[str, ReadRow])
    more: dict[str, list[ReadRow]] = field(default_factory=dict[str, list[ReadRow]])

    def add(self, who: str, row: ReadRow) -> list[ReadRow]:
        """Add a row. Returns those before it."""
        if (first := self.firsts.setdefault(who, row)) is row:
            return []
        others = self.more.setdefault(who, [])
        others.append(row)
        return [first, *others[:-1]]


def _first_alike(row: ReadRow, earlier: _Earlier) -> ReadRow | None:
    """The first of the earlier rows that says something that this one says, too; this one is then one of them."""
    who = _who(row.enterprise)
    if who is None:
        return None
    others = earlier.add(who, row)
    first = None
    if others:
        # Only rows of one enterprise can say the same.
        said = [set(_keys(other)) for other in others]
        first = next(
            (other for key in _keys(row) for other, keys in zip(others, said, strict=True) if key in keys), None
        )
    return first


def _keys(row: ReadRow) -> Iterable[tuple[object, ...]]:
    """What must not be said twice: an enterprise's identity, a figure of a year, an event of a title."""
    who = _who(row.enterprise)
    if who is None:
        return
    if row.layout in ("notice", "recognitions"):
        for one in row.recognitions:
            yield (
                "recognition", who, one.programme, one.event, one.dated_on, one.batch, one.number, one.new_name, one.list_title,
            )  # fmt: skip
    elif row.layout == "figures" or any(figure.year is not None for figure in row.figures):
        for figure in row.figures:
            yield ("figure", who, figure.indicator, figure.year)
    if row.layout in ("ledger", "enterprises"):
        yield ("enterprise", who)


def _who(enterprise: EnterpriseRecord) -> str | None:
    if enterprise.credit_code:
        return enterprise.credit_code
    if enterprise.other_numbers:
        return enterprise.other_numbers[0].value
    return match_key(enterprise.name) if enterprise.name else None


_COMPARED = (
    ("name", "企业名称"), ("established_on", "成立日期"), ("address", "地址"), ("industry_code", "行业"),
    ("is_above_scale", "是否规上"), ("chains", "产业链"), ("town", "镇街"), ("park", "园区"),
)  # fmt: skip


def _difference(first: ReadRow, row: ReadRow) -> str:
    """What two rows about one thing say differently, in Chinese; what only one of them says is no difference."""
    for name, chinese in _COMPARED:
        one, other = getattr(first.enterprise, name), getattr(row.enterprise, name)
        if one and other and one != other and not (name == "name" and match_key(one) == match_key(other)):
            return chinese
    if first.enterprise.region_code != row.enterprise.region_code and not (
        first.enterprise.region_is_inherited or row.enterprise.region_is_inherited
    ):
        return "所属区域"
    figures = {(figure.indicator, figure.year): figure for figure in first.figures}
    for figure in row.figures:
        other_figure: Figure | None = figures.get((figure.indicator, figure.year))
        if other_figure is not None and other_figure.value != figure.value:
            return f"{figure.column} 列的数值"
    return ""


def _regions_differ(first: ReadRow, row: ReadRow) -> bool:
    return first.enterprise.region_code != row.enterprise.region_code


def _place(first: ReadRow, row: ReadRow) -> str:
    return f"第 {first.row} 行" if first.sheet == row.sheet else f"“{first.sheet.strip()}”表第 {first.row} 行"


def _with_problem(row: ReadRow, first: ReadRow, difference: str) -> ReadRow:
    problem = RowProblem(
        row.sheet, row.row, "", "", "",
        reason=f"与{_place(first, row)}是同一企业，但{difference}不同",
        remedy="请核对后只保留一行",
        kind="two_rows_for_one",
    )  # fmt: skip
    return replace(row, problems=(*row.problems, problem))


def _with_region_warning(row: ReadRow, first: ReadRow) -> ReadRow:
    problem = RowProblem(
        row.sheet, row.row, "", "", "",
        reason=f"与{_place(first, row)}是同一企业，两处所属区域不同"
        f"（{first.enterprise.region_text}、{row.enterprise.region_text}）",
        remedy="按先出现的一处登记，请核实",
        severity=Severity.WARNING,
        kind="two_rows_for_one",
    )  # fmt: skip
    record = replace(row.enterprise, region_code=first.enterprise.region_code, region_text=first.enterprise.region_text)
    return replace(row, enterprise=record, problems=(*row.problems, problem))
