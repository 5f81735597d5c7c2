"""Regions: codes, names, days and addresses."""

import csv
from datetime import date

import pytest

from backend.enterprises.regions import Region, Regions
from tests.shared_data import shared_data

REGIONS = Regions.load()
TAIZHOU, LIANYUNGANG = "321200", "320700"


def code_of(region: Region | None) -> str | None:
    return region.code if region else None


def test_jiangsu_has_13_cities():
    assert len(REGIONS.children("320000")) == 13


def test_taizhous_districts_come_in_its_own_order_under_the_names_people_use():
    assert [region.shown_as for region in REGIONS.children(TAIZHOU)] == [
        "靖江市",
        "泰兴市",
        "兴化市",
        "海陵区",
        "姜堰区",
        "医药高新区（高港区）",
    ]


def test_lianyungangs_districts_are_those_of_today():
    assert {region.name for region in REGIONS.children(LIANYUNGANG)} == {
        "海州区",
        "连云区",
        "赣榆区",
        "东海县",
        "灌云县",
        "灌南县",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("医药高新区（高港区）", "321203"),
        ("医药高新区(高港区)", "321203"),
        ("泰州医药高新区（高港区）", "321203"),
        ("泰州市医药高新区（高港区）", "321203"),
        ("医药高新区", "321203"),
        ("高港", "321203"),
        ("高港区", "321203"),
        ("泰州市高新区", "321203"),
        ("泰州医药高新技术产业开发区", "321203"),
        ("泰州医药高新区管委会", "321203"),
        ("泰州市海陵区", "321202"),
        ("海陵", "321202"),
        ("海陵区", "321202"),
        ("海陵区科技局", "321202"),
        ("江苏省泰州市靖江市", "321282"),
        ("江苏 泰州 泰兴", "321283"),
        ("姜堰市", "321204"),
        ("姜堰", "321204"),
        ("泰州", "321200"),
        ("泰州市本级", "321200"),
        ("321271", "321203"),
        ("321202000000", "321202"),
        ("连云港市海州区", "320706"),
        ("新浦区", "320706"),
        ("赣榆", "320707"),
        ("淮安", "320800"),
        ("淮安市淮安区", "320803"),
        ("徐州市鼓楼区", "320302"),
        ("广西", "450000"),
    ],
)
def test_a_region_is_found_under_every_spelling_of_the_lists(text: str, code: str):
    assert code_of(REGIONS.by_name(text)) == code


@pytest.mark.parametrize("text", ["", "火星", "鼓楼区", "高新区", "市本级", "999999"])
def test_what_names_no_region_or_several_names_none(text: str):
    assert REGIONS.by_name(text) is None


def test_the_regions_an_ambiguous_name_may_mean_are_listed():
    assert {region.code for region in REGIONS.candidates("鼓楼区")} == {"320106", "320302"}


@pytest.mark.parametrize(
    ("text", "within", "code"),
    [
        ("高新区", TAIZHOU, "321203"),
        ("高新区", LIANYUNGANG, "320772"),
        ("市本级", TAIZHOU, "321200"),
        ("鼓楼区", "320100", "320106"),
    ],
)
def test_a_local_word_is_clear_within_its_city(text: str, within: str, code: str):
    assert code_of(REGIONS.by_name(text, within=within)) == code


def test_looking_within_a_city_first_still_finds_a_region_outside():
    assert code_of(REGIONS.by_name("江苏省连云港市海州区", within=TAIZHOU)) == "320706"


def test_an_alias_is_the_region_it_stands_for():
    assert code_of(REGIONS.current("321271")) == "321203"


def test_an_abolished_region_is_what_it_became():
    assert code_of(REGIONS.current("321284")) == "321204"
    assert code_of(REGIONS.current("320721")) == "320707"


def test_on_a_day_before_the_change_the_old_region_answers():
    assert code_of(REGIONS.by_name("姜堰", on=date(2012, 11, 30))) == "321284"
    assert code_of(REGIONS.by_name("姜堰", on=date(2012, 12, 1))) == "321204"


def test_the_districts_of_a_day_are_those_in_force_on_it():
    before = {region.code for region in REGIONS.children(TAIZHOU, on=date(2012, 11, 30))}
    after = {region.code for region in REGIONS.children(TAIZHOU, on=date(2012, 12, 1))}
    assert (before - after, after - before) == ({"321284"}, {"321204"})


def test_the_regions_of_a_day_hold_nothing_that_was_abolished():
    assert REGIONS.on(date(2026, 1, 1)).find("321284") is None


def test_the_path_leads_from_the_province_to_the_district():
    assert [region.name for region in REGIONS.path("321203")] == ["江苏省", "泰州市", "高港区"]


def test_the_path_of_an_unknown_code_is_empty():
    assert REGIONS.path("990000") == ()


def test_a_city_contains_its_districts_old_ones_too():
    assert REGIONS.contains(TAIZHOU, "321284")
    assert REGIONS.contains("321203", "321271")
    assert not REGIONS.contains(LIANYUNGANG, "321203")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("江苏省泰州市海陵区工业园区泰安路46号", "321202"),
        ("靖江市新桥镇利工路118号", "321282"),
        ("江苏省兴化市戴窑工业区", "321281"),
        ("泰州市姜堰区现代科技产业园", "321204"),
        ("泰州市高新区塘湾振兴西路4号", "321203"),
        ("泰州医药高新区口泰路1号", "321203"),
        ("江苏泰州泰兴虹桥镇", "321283"),
        ("泰州市凤凰东路60号", "321200"),
        ("姜堰市通扬西路109号", "321204"),
        ("连云港经济技术开发区黄河路", "320700"),
        ("（泰州市高港区）刁铺街道", "321203"),
        ("南京市泰州路8号", "320100"),
    ],
)
def test_an_address_names_its_region(address: str, code: str):
    assert code_of(REGIONS.region_of_address(address)) == code


@pytest.mark.parametrize("address", ["", "红光镇利珠村", "泰兴路100号", "鼓楼区大方巷12号"])
def test_an_address_without_a_clear_region_names_none(address: str):
    assert REGIONS.region_of_address(address) is None


def test_an_address_is_read_within_the_city_when_it_is_known():
    assert code_of(REGIONS.region_of_address("鼓楼区大方巷12号", within="320100")) == "320106"


def test_todays_divisions_agree_with_the_national_list():
    with shared_data("admin-divisions/china_counties_2023.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["code"]: row["name"] for row in csv.DictReader(file) if row["province_code"] == "32"}
    # Statistical codes of zones (…71 and up) are no regions.
    listed = {code: name for code, name in listed.items() if not 70 <= int(code[4:]) < 80}
    ours = {
        district.code: district.name for city in REGIONS.children("320000") for district in REGIONS.children(city.code)
    }
    assert ours == listed


def test_every_code_and_name_stood_in_the_standard_at_some_time():
    path = "admin-divisions/jiangsu_gb2260_code_validity.csv"
    with shared_data(path).open(encoding="utf-8", newline="") as file:
        standard = {(row["code"], row["name"]) for row in csv.DictReader(file)}
    # The table ends in 2019.
    newer = {"320613", "320614"}
    ours = {(r.code, r.name) for r in REGIONS if r.code.startswith("32") and r.code not in newer}
    assert ours - standard == set()


def test_every_abolished_region_left_the_standard_in_the_year_we_say():
    path = "admin-divisions/jiangsu_gb2260_code_validity.csv"
    with shared_data(path).open(encoding="utf-8", newline="") as file:
        last = {(row["code"], row["name"]): int(row["last_revision"][:4]) for row in csv.DictReader(file)}
    ended = [region for region in REGIONS if region.valid_to and region.valid_to.year < 2019]
    assert len(ended) > 20
    for region in ended:
        assert region.valid_to is not None
        # Revisions lag behind the approval by up to a year.
        assert abs(last[region.code, region.name] - region.valid_to.year) <= 1, region.name


def test_addresses_of_the_register_agree_with_the_area_of_the_code():
    same = other = 0
    with shared_data("jiangsu-register/taizhou.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = REGIONS.region_of_address(row["注册地址"], within=TAIZHOU)
            area = REGIONS.current(row["统一社会信用代码"][2:8])
            if found and area and found.level == area.level == "district":
                same += found == area
                other += found != area
    assert same > 1500
    assert other < 0.02 * same


def test_every_region_spelling_of_official_looking_lists_is_understood():
    with shared_data("made-up-lists/recognition_events.csv").open(encoding="utf-8", newline="") as file:
        spellings = {row["region"] for row in csv.DictReader(file)}
    assert [spelling for spelling in spellings if REGIONS.by_name(spelling) is None] == []
