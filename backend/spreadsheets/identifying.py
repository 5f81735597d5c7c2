"""Give each row its enterprise: register whom codes name, learn the names that lists tell, match the rest by name.

All of a file is looked at before any name decides, so that the order of rows does not: a code in a later list tells
whose name an earlier one printed.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises import service as enterprises
from backend.enterprises.regions import Regions
from backend.spreadsheets.alone import mark_alone
from backend.spreadsheets.fates import NEW_ENTERPRISE, Fate, Importer, RowFate
from backend.spreadsheets.grouping import Links
from backend.spreadsheets.journal import note_before
from backend.spreadsheets.matching import (
    Bearer,
    KnownEnterprises,
    bearers_of,
    known_enterprises,
    matches_by_name,
    names_in,
    suggestions,
)
from backend.spreadsheets.progress import Stage
from backend.spreadsheets.records import RecognitionEvent
from backend.spreadsheets.renaming import learn_names, renamed_enterprises

#: Layouts whose rows say who an enterprise is today; lists only name it.
_TELLING_LAYOUTS = frozenset({"ledger", "enterprises", "figures"})
#: Enterprises that are registered at once.
_PORTION = 5_000


async def identify(
    session: AsyncSession, fates: Sequence[RowFate], importer: Importer, links: Links | None = None
) -> set[int]:
    """Set `enterprise_id` of each row, or refuse it. Returns the enterprises that something was written of.

    Args:
        session: the running transaction.
        fates: all rows of a file, or a portion of them that no other row has to do with.
        importer: who imports.
        links: hears which enterprises are named, where it is a portion.
    """
    rows = [one.row for one in fates]
    chosen = (
        {importer.choices[one.place] for one in fates if one.place in importer.choices} if importer.choices else set()
    )
    known = await known_enterprises(session, rows, importer.region_code, chosen)
    if links is not None:
        links.hear((one.at, known.named_by(one.row) | _chosen(one, importer)) for one in fates)
    if importer.import_id is not None:
        await note_before(session, known.ids | chosen)
    fresh = [one for one in fates if _settle_by_code(one, known, importer)]
    mark_alone(fresh, rows, known, importer)
    alone = [one for one in fresh if one.is_alone]
    settled = [*fresh, *(one for one in fates if one.enterprise_id is not None)]
    if importer.is_trial or len(alone) == len(fresh):
        settled = [one for one in settled if not one.is_alone]
        touched = await _register_alone(session, alone, known, importer)
    else:
        # Whoever is new is numbered in the order of the file.
        touched = set[int]()
    registered = await _register(session, settled, known, importer)
    touched |= registered
    if registered:
        known.hold(await bearers_of(session, chain.from_iterable(map(names_in, rows))))
    settled = [one for one in settled if one.fate is not Fate.REFUSED]
    touched |= await learn_names(session, settled, known, importer)
    waiting = [one for one in fates if one.enterprise_id is None and not one.is_alone and one.fate is not Fate.REFUSED]
    return touched | await _settle_by_name(session, waiting, known, importer)


def _chosen(one: RowFate, importer: Importer) -> set[int]:
    chosen = importer.choices.get(one.place) if importer.choices else None
    return {chosen} if chosen else set()


# By code ---------------------------------------------------------------------------------------------


def _settle_by_code(one: RowFate, known: KnownEnterprises, importer: Importer) -> bool:
    """Find the enterprise by code or by what a person chose. Returns whether it is to be registered as a new one."""
    who = one.row.enterprise
    is_new = False
    if one.place in importer.choices:
        chosen = importer.choices[one.place]
        is_new, one.enterprise_id = chosen == NEW_ENTERPRISE, chosen or None
    elif who.credit_code in known.elsewhere:
        one.refuse("这家企业登记在其他市（区）", "请由该市（区）或市级人员导入")
    elif who.credit_code:
        one.enterprise_id = _id_by_code(one, known)
        is_new = one.enterprise_id is None
    else:
        one.enterprise_id = _id_by_number(one, known)
    _refuse_foreign(one, importer)
    if is_new and not who.name:
        one.refuse("库内没有这个代码，本行也没有企业名称，无法登记", "请补填企业名称")
    return is_new and one.fate is not Fate.REFUSED


def _id_by_code(one: RowFate, known: KnownEnterprises) -> int | None:
    who = one.row.enterprise
    assert who.credit_code is not None
    if who.credit_code in known.by_code:
        return known.by_code[who.credit_code].id
    named = [bearer for bearer in known.bearers(who.name) if bearer.is_current]
    # Known by name only so far, from a list that printed no code: now it has one.
    nameless = [bearer for bearer in named if bearer.credit_code is None]
    if len(nameless) == 1:
        return nameless[0].id
    if named:
        others = "、".join(str(bearer.credit_code) for bearer in named)
        one.warn(f"库内已有同名企业，代码是 {others}，与本行的 {who.credit_code} 不同", "如是同一家企业，请核对代码")
    return None


def _id_by_number(one: RowFate, known: KnownEnterprises) -> int | None:
    who = one.row.enterprise
    held = next((known.by_number[n.value] for n in who.other_numbers if n.value in known.by_number), None)
    if held is not None and who.name and not known.keys_of(held.id, [who.name]):
        one.warn(f"按旧号码对应到库内的“{held.name}”，名称未改", "如已更名，请补填统一社会信用代码")
    return held.id if held is not None else None


def _refuse_foreign(one: RowFate, importer: Importer) -> None:
    """A district's officer registers and moves nobody to another district; lists may print an old one."""
    region = one.row.enterprise.region_code
    if not importer.region_code or not region or _contains(region, importer.region_code):
        return
    is_list_of_own = one.enterprise_id is not None and one.row.layout not in _TELLING_LAYOUTS
    if one.fate is not Fate.REFUSED and not is_list_of_own and not _may_be_own(one):
        one.refuse("所属区域不在您的市（区）", "请由该市（区）或市级人员导入")


def _may_be_own(one: RowFate) -> bool:
    """A list's row without a code may still name an own enterprise that moved in."""
    who = one.row.enterprise
    return one.row.layout not in _TELLING_LAYOUTS and not who.credit_code and bool(who.name)


def _contains(outer: str, inner: str) -> bool:
    return outer == inner or Regions.load().contains(outer, inner)


# Registering -----------------------------------------------------------------------------------------


async def _register_alone(
    session: AsyncSession, alone: Sequence[RowFate], known: KnownEnterprises, importer: Importer
) -> set[int]:
    """Register whom no other row speaks of, some thousand at a time; a dry run leaves that until somebody asks."""
    touched: set[int] = set()
    for one in alone if importer.is_trial else ():
        one.improve(Fate.NEW)
    for start in range(0, 0 if importer.is_trial else len(alone), _PORTION):
        importer.progress.tell(Stage.MATCHING, start, importer.progress.total)
        touched |= await _register(session, alone[start : start + _PORTION], known, importer)
    return touched


async def _register(
    session: AsyncSession, fates: Sequence[RowFate], known: KnownEnterprises, importer: Importer
) -> set[int]:
    """Register whom the registry does not know, and bring up to date whom a ledger speaks of."""
    wanted = sorted((one for one in fates if _is_registered(one, known)), key=lambda one: one.day)
    if not wanted:
        return set()
    drafts = [_draft(one, known, importer) for one in wanted]
    done = await enterprises.register(session, drafts, importer.today)
    for position, one in enumerate(wanted):
        one.enterprise_id = done.ids[position]
        if position in done.created:
            one.improve(Fate.NEW)
        elif position in done.changed:
            one.improve(Fate.CHANGED)
    return {done.ids[position] for position in done.created | done.changed}


def _is_registered(one: RowFate, known: KnownEnterprises) -> bool:
    if one.fate is Fate.REFUSED:
        return False
    gives_code = one.row.enterprise.credit_code is not None and one.row.enterprise.credit_code not in known.by_code
    return one.enterprise_id is None or gives_code or one.row.layout in _TELLING_LAYOUTS


def _draft(one: RowFate, known: KnownEnterprises, importer: Importer) -> enterprises.Draft:
    who = one.row.enterprise
    held = known.enterprise(one.enterprise_id)
    return enterprises.Draft(
        # Whom a name alone found keeps the name it has.
        name=who.name if held is None or (who.credit_code and who.name) else held.name,
        credit_code=who.credit_code or (held.credit_code if held is not None else None),
        region_code=_region(one, known, importer), town=who.town, park=who.park, address=who.address,
        industry_code=who.industry_code, established_on=who.established_on, chains=who.chains,
        is_above_scale=who.is_above_scale,
        former_names=tuple(enterprises.FormerName(name.name, name.used_to) for name in who.former_names),
        identifiers={number.kind: number.value for number in who.other_numbers},
    )  # fmt: skip


def _region(one: RowFate, known: KnownEnterprises, importer: Importer) -> str:
    """The region the row says, as far as it is news: the city alone says nothing of whom a district is known of."""
    said = one.row.enterprise.region_code
    if importer.region_code and (not said or _contains(said, importer.region_code)):
        return importer.region_code
    held = known.enterprise(one.enterprise_id)
    if held is None or not held.region_code or not said or said == held.region_code:
        return said
    if _contains(said, held.region_code):
        return ""
    one.warn(f"所属区域由{_shown(held.region_code)}改为{_shown(said)}，自导入之日起", "如不是迁移，请核对")
    return said


def _shown(region_code: str) -> str:
    region = Regions.load().find(region_code)
    return region.shown_as if region is not None else region_code


# By name ---------------------------------------------------------------------------------------------


async def _settle_by_name(
    session: AsyncSession, waiting: Sequence[RowFate], known: KnownEnterprises, importer: Importer
) -> set[int]:
    """Match by names until nothing more is learnt: each match may tell the name that another row prints."""
    touched: set[int] = set()
    unmatched = list(waiting)
    while found := [one for one in unmatched if _match_name(one, known, importer)]:
        touched |= await learn_names(session, found, known, importer)
        unmatched = [one for one in unmatched if one.enterprise_id is None]
    for one in unmatched:
        _refuse_unmatched(one, known, importer)
    return touched | await _register(session, waiting, known, importer)


def _match_name(one: RowFate, known: KnownEnterprises, importer: Importer) -> bool:
    found = _candidates(one, known, importer)
    one.enterprise_id = found[0].id if len(found) == 1 else None
    _refuse_foreign(one, importer)
    return one.enterprise_id is not None


def _candidates(one: RowFate, known: KnownEnterprises, importer: Importer) -> list[Bearer]:
    who = one.row.enterprise
    renaming = next((r for r in one.row.recognitions if r.event is RecognitionEvent.RENAMED), None)
    if renaming is not None:
        return renamed_enterprises(one, renaming, known)
    day = one.day if one.row.recognitions else importer.today
    found = matches_by_name(known, who.name, day, who.region_code) if who.name else []
    for former in () if found else who.former_names:
        found = found or matches_by_name(known, former.name, day, who.region_code)
    return found


def _refuse_unmatched(one: RowFate, known: KnownEnterprises, importer: Importer) -> None:
    """Say why a row has no enterprise; one of a ledger with an old registration number is a new one."""
    if one.fate is Fate.REFUSED:
        return
    who = one.row.enterprise
    found = _candidates(one, known, importer)
    one.is_doubtful = True
    if found:
        one.candidates = tuple(bearer.as_candidate for bearer in found)
        listed = "、".join(sorted(f"{each.name}（{each.credit_code or '无代码'}）" for each in found))
        one.refuse(f"有 {len(found)} 家企业用过“{who.name}”这个名称：{listed}", "请补上统一社会信用代码")
    elif one.row.layout in _TELLING_LAYOUTS and who.other_numbers and who.name:
        one.is_doubtful = False
    elif importer.region_code and who.region_code and not _contains(who.region_code, importer.region_code):
        one.is_doubtful = False
        one.refuse("所属区域不在您的市（区）", "请由该市（区）或市级人员导入")
    else:
        one.refuse("没有统一社会信用代码，库内也没有叫这个名称的企业", "请补上统一社会信用代码，或先登记这家企业")


async def suggest(session: AsyncSession, fates: Sequence[RowFate], importer: Importer) -> None:
    """Show a person, of all rows of a file, which names are like the one that nobody bears."""
    doubtful = [one for one in fates if one.is_doubtful]
    if doubtful and importer.is_trial:
        # Whoever is new may be called like those that nobody knows.
        alone = [one for one in fates if one.is_alone]
        for start in range(0, len(alone), _PORTION):
            await _register(session, alone[start : start + _PORTION], KnownEnterprises(), importer)
    await _suggest(session, doubtful)


async def _suggest(session: AsyncSession, fates: Sequence[RowFate]) -> None:
    wanted = [one for one in fates if not one.candidates and one.row.enterprise.name]
    alike = await suggestions(session, [one.row.enterprise.name for one in wanted])
    for one in wanted:
        one.candidates = alike.get(one.row.enterprise.name, ())
        if one.candidates:
            listed = "、".join(f"{each.name}（{each.credit_code or '无代码'}）" for each in one.candidates)
            last = replace(one.problems[-1], remedy=f"相近的有：{listed}。请核对后补上统一社会信用代码")
            one.problems = (*one.problems[:-1], last)
