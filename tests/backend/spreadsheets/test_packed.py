"""Figures kept in little room are the figures that a closer look at the same cells gives."""

from decimal import Decimal
from typing import Any

import pytest

from backend.exact_json import exact_json
from backend.spreadsheets import row_reader
from backend.spreadsheets.packed import FigureColumn, PackedFigures
from backend.spreadsheets.records import Figure
from tests.backend.spreadsheets.importing import read
from tests.factories import make_code

HEAD = [
    "企业名称",
    "统一社会信用代码",
    "2025年销售收入（万元）",
    "2025年职工总数",
    "2025年资产负债率（%）",
    "2024年销售收入（万元）",
]


def test_a_number_comes_back_as_it_went_in_and_a_missing_one_is_left_out():
    columns = (FigureColumn("sales_revenue", 2025, "C", ""), FigureColumn("employee_total", 2025, "D", ""))
    packed = PackedFigures(columns, [Decimal("1240.67"), None])
    assert tuple(packed) == (Figure("sales_revenue", 2025, Decimal("1240.67"), "C"),)
    assert (len(packed), packed[0].value, packed == tuple(packed)) == (1, Decimal("1240.67"), True)


def test_the_numbers_of_each_year_are_written_down_as_the_figures_are():
    columns = (
        FigureColumn("sales_revenue", 2025, "C", ""), FigureColumn("employee_total", 2025, "D", ""),
        FigureColumn("sales_revenue", 2024, "E", ""), FigureColumn("net_profit", 2023, "F", ""),
    )  # fmt: skip
    packed = PackedFigures(columns, [Decimal("1240.670"), Decimal("1E+3"), Decimal("-0.5"), None])
    years = dict(packed.by_year())
    assert years == {
        2025: {"sales_revenue": Decimal("1240.670"), "employee_total": Decimal(1000)},
        2024: {"sales_revenue": Decimal("-0.5")},
    }
    assert {year: exact_json(said) for year, said in years.items()} == {
        year: exact_json(dict(said)) for year, said in years.items()
    }


@pytest.mark.parametrize(
    "cells",
    [
        [1240.67, 35, 45.5, 0],
        [0.1 + 0.2, 35.0, 12.3456789, ""],
        [1e8, "", "", 12.000001],
        [-3.5, 1, 100, 7],
        [12.3456789, 35, 45, 1],
        [2e9, 35, 45, 1],
        ["约3000", 35, 45, 1],
        [5, -1, 45, 1],
        [5, 2.5, 45, 1],
    ],
)
def test_plain_numbers_are_read_as_a_closer_look_reads_them(cells: list[Any], monkeypatch: pytest.MonkeyPatch):
    table = [HEAD, ["泰州甲科技有限公司", make_code(), *cells]]
    quick = read(table).rows[0]
    monkeypatch.setattr(row_reader, "_PLAIN_TYPES", frozenset())
    slow = read(table).rows[0]
    assert isinstance(slow.figures, tuple)
    assert tuple(quick.figures) == slow.figures
    assert [one.text for one in quick.problems] == [one.text for one in slow.problems]


def test_a_table_of_plain_numbers_is_packed():
    (row,) = read([HEAD, ["泰州甲科技有限公司", make_code(), 1240.67, 35, 45.5, 0]]).rows
    assert isinstance(row.figures, PackedFigures)


def test_rows_without_their_cells_say_the_same():
    table = [HEAD, ["泰州甲科技有限公司", make_code(), 1240.67, 35, 45.5, 0]]
    (kept,), (bare,) = read(table).rows, read(table, keeps_cells=False).rows
    assert (bool(kept.cells), bare.cells) == (True, ())
    assert (tuple(kept.figures), kept.enterprise) == (tuple(bare.figures), bare.enterprise)
