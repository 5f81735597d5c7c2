"""What a column is, told by its title: 营业收入（万元）, 2024年研发费用, 证书编号, uscc.

A title is taken apart into what is asked, its unit and its year. What is asked is looked up among the words staff
use: those of identity and recognitions here, all others in the indicator catalogue. A title nobody knows stays
unrecognised and is shown to the user; nothing is matched by likeness, since 研发费用 and 研发费用占比 are alike.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from backend.spreadsheets.cells import CellProblem, MoneyUnit, money_unit
from backend.spreadsheets.programme_names import find_programme, without_programme
from backend.spreadsheets.workbook import column_letter
from rules.catalogue import Catalogue, Indicator, Period, Type


class Field(StrEnum):
    """What a column says, apart from indicators (`FIGURE`)."""

    SEQUENCE = "sequence"
    NAME = "name"
    CODE = "code"
    STOCK_CODE = "stock_code"
    FORMER_NAME = "former_name"
    NEW_NAME = "new_name"
    PROVINCE = "province"
    CITY = "city"
    REGION = "region"
    TOWN = "town"
    PARK = "park"
    ADDRESS = "address"
    INDUSTRY = "industry"
    CHAIN = "chain"
    ESTABLISHED = "established"
    ABOVE_SCALE = "above_scale"
    STATUS = "status"
    REMARK = "remark"
    PROGRAMME = "programme"
    EVENT = "event"
    DATE = "date"
    BATCH = "batch"
    NUMBER = "number"
    VALID_FROM = "valid_from"
    VALID_TO = "valid_to"
    LEVEL = "level"
    LIST_TITLE = "list_title"
    REASON = "reason"
    YEAR = "year"
    INDICATOR = "indicator"
    VALUE = "value"
    UNIT = "unit"
    FIGURE = "figure"
    #: Known, and on purpose not taken: persons' names and telephones, running ids, our own problem columns.
    IGNORED = "ignored"


#: Field → titles, written as they stand in tables; units, years and blanks do not matter.
_TITLES: Final[Mapping[Field, str]] = {
    Field.SEQUENCE: "序号 编号 序 No No. 项次 序列",
    Field.NAME: "企业名称 名称 单位名称 公司名称 企业全称 单位全称 企业 单位 公司 申报单位 申报企业 申报企业名称 申报单位名称 机构名称 "
    "认定企业 认定企业名称 企业（单位）名称 企业名称（全称） 入库企业 入库企业名称 获认定企业 纳税人名称 市场主体名称 主体名称 "
    "enterprise_name name company company_name full_name 培育企业 培育企业名称 被认定企业名称 获奖单位",
    Field.CODE: "统一社会信用代码 社会信用代码 信用代码 统一代码 企业代码 统一信用代码 纳税人识别号 机构代码 组织机构代码 组织机构代码证号 "
    "统一社会信用代码或注册号 统一社会信用代码/注册号 注册号 工商注册号 营业执照号 营业执照注册号 统一社会信用代码（注册号） "
    "uscc credit_code code 企业统一社会信用代码 法人代码",
    Field.STOCK_CODE: "股票代码 证券代码 stock_code",
    Field.FORMER_NAME: "曾用名 原名称 原名 原企业名称 原单位名称 原公司名称 历史名称 曾用名称 更名前 更名前名称 更名前企业名称 变更前名称 "
    "变更前企业名称 former_names former_name 企业曾用名 原企业名",
    Field.NEW_NAME: "新名称 新企业名称 更名后 更名后名称 更名后企业名称 现名称 现企业名称 变更后名称 变更后企业名称 new_name 现用名",
    Field.PROVINCE: "省份 所在省份 省 所在省 province",
    Field.CITY: "所在城市 城市 地市 设区市 所在市 所属设区市 city 市",
    Field.REGION: "所属地区 推荐地区 地区 所在地区 区域 县（市、区） 县市区 市（区） 市区 县区 区县 所属区 所属市区 所属县区 所属区域 属地 所在区 "
    "所在县区 所在区县 辖区 推荐单位 归口单位 归口管理部门 主管部门 注册地区 注册地 注册区域 region region_code 区划代码 行政区划代码 行政区划 "
    "所在市（区） 所属市（区） 所在县（市、区） 所属县（市、区） 县（市）区 板块 所属板块 推荐部门 初审单位 county 所在地 注册所在地 "
    "市（区） 所属地 所在区域 所属辖市区 地区（市、区）",
    Field.TOWN: "所在镇（街道） 镇街 乡镇 街道 镇（街） 所属镇街 乡镇（街道） 镇（街道） 镇 所在镇街 所在乡镇 所属乡镇 乡镇街道 town 镇区 所属镇（街道） 镇（园区）",
    Field.PARK: "所在园区 园区 所属园区 开发区 所在开发区 所在园区（高新区） 高新区 园区名称 park zone_id",
    Field.ADDRESS: "地址 注册地址 住所 企业地址 经营地址 详细地址 单位地址 公司地址 注册住所 生产经营地址 address 企业住所 注册地址（住所） registered_address",
    Field.INDUSTRY: "行业代码 国民经济行业代码 所属行业 行业 行业分类 行业类别 所属行业代码 国民经济行业 国民经济行业分类代码 行业小类代码 industry_code "
    "industry 行业名称 行业大类 国民经济行业分类",
    Field.CHAIN: "产业链 所属产业链 重点产业链 所属链条 链条 所属重点产业链 chain 产业链条 所在产业链",
    Field.ESTABLISHED: "成立日期 成立时间 注册时间 注册日期 设立日期 成立年月 注册登记日期 登记日期 设立时间 established_on founded_date 企业成立时间 企业成立日期 "
    "工商注册时间 注册成立时间 founded",
    Field.ABOVE_SCALE: "是否规上 规上 规上工业 规上工业企业 是否规上企业 是否规上工业企业 是否规模以上 规模以上工业企业 is_above_scale_industrial 是否规模以上企业 规模以上",
    Field.STATUS: "经营状态 登记状态 企业状态 存续状态 status",
    Field.REMARK: "备注 说明 附注 remark note remarks 备注说明 其他说明",
    Field.PROGRAMME: "认定项目 认定类别 资质类型 称号 荣誉 荣誉称号 认定类型 资质名称 资质 honour programme 项目名称 培育类别 企业类别 认定名称 认定种类 项目",
    Field.EVENT: "事项 event 认定情况 认定方式 事件 事项类型 结果 认定结果 类型",
    Field.DATE: "发证日期 发证时间 认定日期 认定时间 公告日期 公告时间 颁证日期 公布日期 公布时间 获批时间 获批日期 批准日期 批准时间 通过时间 入库日期 入库时间 date "
    "颁发日期 issue_date 证书日期 发文日期 获认定时间 公示日期 取消日期 撤销日期 更名日期 变更日期 入库公告日期 认定年月 授予时间",
    Field.BATCH: "批次 认定批次 年度批次 入库批次 batch 公告批次 认定年度批次",
    Field.NUMBER: "证书编号 证书号 证书号码 登记编号 入库登记编号 入库编号 number certificate_no 认定编号 证书编码 编号（证书） 科小编号 证件编号 高新技术企业证书编号",
    Field.VALID_FROM: "有效期起 有效期自 有效期开始 有效起始日期 valid_from 起始日期 有效期始",
    Field.VALID_TO: "有效期至 有效期止 到期日 到期日期 到期时间 有效期限至 证书有效期至 有效截止日期 valid_to valid_until 有效期截止 失效日期 有效期到期 证书到期时间 有效期",
    Field.LEVEL: "级别 认定级别 层级 level 荣誉级别",
    Field.LIST_TITLE: "名单名称 公告标题 名单 文件名称 文号 list_title 公告名称 来源文件 认定文件 文件",
    Field.REASON: "取消原因 撤销原因 原因 reason 取消事由",
    Field.YEAR: "年度 年份 报告年份 所属年度 会计年度 year 统计年度 数据年度 填报年度 财年 报告年度 所属期 年",
    Field.INDICATOR: "指标 指标名称 指标项 indicator 项目指标 数据项 科目",
    Field.VALUE: "数值 值 指标值 value 数据 数额 本年数 填报值",
    Field.UNIT: "计量单位 unit 单位（计量） 指标单位",
    Field.IGNORED: "联系人 联系电话 电话 手机 手机号 手机号码 联系方式 法定代表人 法人 法人代表 法人姓名 负责人 身份证号 邮箱 电子邮箱 传真 邮编 邮政编码 event_id "
    "企业类型 登记机关 经营范围 原表行号 问题 问题说明 企业联系人 联系人电话 法人联系电话 姓名 主要产品 主营产品 主导产品 主营业务 信息来源 "
    "股票简称 证券简称 short_name 第几行 board 开户行 账号 签字 盖章",
}  # fmt: skip

_GENERIC: Final = frozenset(
    {
        "名称",
        "编号",
        "代码",
        "日期",
        "时间",
        "地址",
        "姓名",
        "单位",
        "电话",
        "号码",
        "年度",
        "类型",
        "结果",
        "项目",
        "说明",
        "数据",
        "值",
        "市",
        "省",
        "镇",
    }
)
_ABOUT_ENTERPRISE = re.compile(r"企业|单位|公司|基本|主体|登记|注册|申报")
_PREFIXES = re.compile(r"^(?:其中:?|企业|本单位|本企业|年度|全年|全部|当年|期末|年末|上报|实际|审计)+")
_SUFFIXES = re.compile(r"(?:情况|金额|数额|总额|总数|合计|数量|数|额)$")
_UNITS = (
    r"亿元|千万元|百万元|万元|千元|元|人民币万元|万元人民币|亿美元|万美元|美元|%|百分比|百分点|人|名|家|个|项|件|"
    r"㎡|m2|平方米|万股|元/股|分|位|级|天"
)
#: 年 alone is a column for the year, in brackets a unit.
_UNIT_WORDS = rf"{_UNITS}|年|月|必填|选填"
_UNIT_IN_BRACKETS = re.compile(rf"\((?:单位:?|计量单位:?)?({_UNIT_WORDS})\)")
_BARE_UNIT = re.compile(_UNITS)
_UNIT_AT_END = re.compile(r"(?:[/_\-:,]|单位:?)?(亿元|千万元|百万元|万元|千元|元|%)$")
_YEAR = re.compile(r"\(?((?:19|20)\d{2})(?:年度?|财年)?(?:末|底|年末|年底)?\)?")
_PARTIAL = re.compile(
    r"\d{1,2}(?:-|~|至|—)?\d{0,2}月(?!均)|上半年|下半年|[一二三四1-4]季度|[qQ][1-4]|前三季度|预计|预测|计划|目标|预期"
)
_RELATIVE: Final = ((re.compile(r"^\(?(?:上上年度?|前年)\)?"), -2), (re.compile(r"^\(?(?:上一?年度?|去年|上年同期)\)?"), -1),
                    (re.compile(r"^\(?(?:本年度?|当年|今年|本期)\)?"), 0))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Title:
    """A column's title taken apart. `stem` is what is asked, in one fixed spelling."""

    stem: str
    year: int | None = None
    unit: MoneyUnit | None = None
    unit_text: str = ""
    is_foreign: bool = False
    #: Not a whole year's figure: 1-9月, 上半年, 预计.
    is_partial: bool = False
    #: 上年 is -1, 本年 is 0: counted from the year of the table.
    relative_year: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `field` is None where nobody knows the title."""

    index: int
    title: str
    field: Field | None = None
    indicator: Indicator | None = None
    year: int | None = None
    relative_year: int | None = None
    unit: MoneyUnit | None = None
    unit_text: str = ""
    is_foreign: bool = False
    is_partial: bool = False
    programme: str = ""

    @property
    def letter(self) -> str:
        """Excel's letter."""
        return column_letter(self.index)

    @property
    def meaning(self) -> str:
        """What the column was taken for, for the user."""
        if self.indicator is not None:
            year = f"{self.year} 年" if self.year else ""
            return f"{year}{self.indicator.name}"
        return _MEANINGS.get(self.field, "") if self.field else ""


_MEANINGS: Final[Mapping[Field, str]] = {field: titles.split()[0] for field, titles in _TITLES.items()} | {
    Field.IGNORED: "不导入",
}


@lru_cache(maxsize=16384)
def stem_of(text: str) -> str:
    """One spelling for a title: ordinary width, no blanks, no numbering, no mark for “required”."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()
    plain = re.sub(r"[\"'“”‘’「」]", "", plain).translate(str.maketrans("【】〔〕[]{}", "()()()()"))
    plain = re.sub(r"^[*※★]+|[*※★:]+$", "", plain)
    return re.sub(r"^(?:\(?\d{1,2}[).、]|[一二三四五六七八九十]+、)(?=\D)", "", plain)


@lru_cache(maxsize=16384)
def parse_title(text: str) -> Title:
    """Take a title apart: 2024年营业收入（万元） → 营业收入, 2024, 万元."""
    stem = stem_of(text)
    unit_text = ""
    is_partial = _PARTIAL.search(stem) is not None
    stem = _PARTIAL.sub("", stem)
    if _BARE_UNIT.fullmatch(stem):
        unit_text, stem = stem, ""
    elif match := _UNIT_IN_BRACKETS.search(stem):
        unit_text = match[1]
        stem = stem[: match.start()] + stem[match.end() :]
    elif (match := _UNIT_AT_END.search(stem)) and (match.start() > 0 or match[0] == stem):
        unit_text = match[1]
        stem = stem[: match.start()]
    year = None
    if (match := _YEAR.search(stem)) and not re.match(r"\d", stem[match.end() : match.end() + 1]):
        year = int(match[1])
        stem = stem[: match.start()] + stem[match.end() :]
    relative = None
    for pattern, offset in _RELATIVE:
        if year is None and relative is None and (match := pattern.match(stem)):
            relative = offset
            stem = stem[match.end() :]
    unit, is_foreign = _money(unit_text)
    stem = stem.replace("()", "").strip("的-_/:,")
    return Title(stem, year, unit, unit_text, is_foreign, is_partial, relative)


def _money(unit_text: str) -> tuple[MoneyUnit | None, bool]:
    try:
        return (money_unit(unit_text) if unit_text else None), False
    except CellProblem:
        return None, True


def stem_of_column(title: str) -> str:
    """By what a column is looked up whose head cells are, from top to bottom, the words of `title`."""
    stems = [stem for part in title.split(" ") if (stem := parse_title(part).stem)]
    if not stems:
        return ""
    return "".join(stems[-2:]) if stems[-1] in _GENERIC else stems[-1]


def first_titles() -> Mapping[Field, str]:
    """How each field is called where it is spoken of."""
    return _MEANINGS


@dataclass(frozen=True)
class Vocabulary:
    """Every title that is known."""

    fields: Mapping[str, Field]
    indicators: Mapping[str, Indicator]

    def knows(self, text: str) -> bool:
        """Whether a text is, by itself, the title of a column."""
        title = parse_title(text)
        return self.look_up(title.stem) is not None or without_programme(title.stem)[1] in _RECOGNITION_TITLES

    def column(self, index: int, path: tuple[str, ...]) -> Column:
        """The column whose head cells are, from top to bottom, `path`."""
        path = tuple(dict.fromkeys(part for part in path if part.strip()))
        shown = " ".join("".join(part.split()) for part in path)
        titles = [parse_title(part) for part in path]
        field, indicator, programme = self._recognise(titles)
        return Column(
            index=index,
            title=shown,
            field=field,
            indicator=indicator,
            year=next((title.year for title in reversed(titles) if title.year), None),
            relative_year=next((t.relative_year for t in reversed(titles) if t.relative_year is not None), None),
            unit=next((title.unit for title in reversed(titles) if title.unit), None),
            unit_text=next((title.unit_text for title in reversed(titles) if title.unit_text), ""),
            is_foreign=any(title.is_foreign for title in titles),
            is_partial=any(title.is_partial for title in titles),
            programme=programme,
        )

    def _recognise(self, titles: list[Title]) -> tuple[Field | None, Indicator | None, str]:
        stems = [title.stem for title in titles if title.stem]
        if not stems:
            return None, None, ""
        child, parents = stems[-1], stems[:-1]
        parent = parents[-1] if parents else ""
        programme = find_programme(parent)
        attempts = [child, parent + child] if child not in _GENERIC or not parent else [parent + child]
        if parent and child in _GENERIC and _ABOUT_ENTERPRISE.search(parent):
            attempts.append(child)
        for attempt in attempts:
            if found := self.look_up(attempt):
                return (*found, programme if found[0] in _RECOGNITION_FIELDS else "")
            named, rest = without_programme(attempt)
            if named and rest in _RECOGNITION_TITLES:
                return _RECOGNITION_TITLES[rest], None, named
        return None, None, ""

    def look_up(self, stem: str) -> tuple[Field | None, Indicator | None] | None:
        """The field of a title's stem, and the indicator where it is a figure."""
        for spelling in _spellings(stem):
            if spelling in self.fields:
                return self.fields[spelling], None
            if spelling in self.indicators:
                return Field.FIGURE, self.indicators[spelling]
        return None

    def indicator(self, text: str) -> Indicator | None:
        """The indicator that a cell of a long table names."""
        found = self.look_up(parse_title(text).stem)
        return found[1] if found else None


def _spellings(stem: str) -> Iterable[str]:
    yield stem
    bare = re.sub(r"\([^()]*\)", "", stem)
    if bare and bare != stem:
        yield bare
    short = _PREFIXES.sub("", bare)
    if short and short != bare:
        yield short


_RECOGNITION_FIELDS: Final = frozenset(
    {Field.DATE, Field.BATCH, Field.NUMBER, Field.VALID_FROM, Field.VALID_TO, Field.LEVEL, Field.LIST_TITLE}
)
_RECOGNITION_TITLES: Final[Mapping[str, Field]] = {
    stem_of(title): field
    for field, titles in _TITLES.items()
    if field in _RECOGNITION_FIELDS
    for title in (
        *titles.split(),
        *(("编号",) if field is Field.NUMBER else ("时间", "日期") if field is Field.DATE else ()),
    )
}


def vocabulary_of(catalogue: Catalogue) -> Vocabulary:
    """All titles: the ones above, and every indicator's name, synonyms, id and aliases."""
    fields: dict[str, Field] = {}
    for field, titles in _TITLES.items():
        for title in titles.split():
            fields.setdefault(stem_of(title), field)
    indicators: dict[str, Indicator] = {}
    for indicator in catalogue.indicators:
        if indicator.type is Type.LIST:
            continue
        for title in (indicator.id, *indicator.aliases, indicator.name, *indicator.synonyms):
            indicators.setdefault(stem_of(title), indicator)
    for indicator in catalogue.indicators:
        # 职工总数（全年月平均） is mostly written without its remark, but never at another one's expense.
        bare = re.sub(r"\([^()]*\)", "", stem_of(indicator.name))
        if indicator.type is not Type.LIST and bare not in fields:
            indicators.setdefault(bare, indicator)
    return Vocabulary(fields, indicators)


def is_yearly(column: Column) -> bool:
    """Whether a column holds an indicator that has a value a year."""
    return column.indicator is not None and column.indicator.period is Period.YEARLY
