"""Names that lists teach: a code beside a name nobody knew, a former name in brackets, a notice of a new name."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises import service as enterprises
from backend.enterprises.names import match_key
from backend.enterprises.naming import rename
from backend.spreadsheets.fates import Fate, Importer, RowFate
from backend.spreadsheets.matching import Bearer, KnownEnterprises, bearers_of, matches_by_name
from backend.spreadsheets.records import RecognitionEvent, RecognitionRecord

_LISTS = frozenset({"notice", "recognitions"})
_LOST_CHARACTER = "□"


async def learn_names(
    session: AsyncSession, fates: Sequence[RowFate], known: KnownEnterprises, importer: Importer
) -> set[int]:
    """Keep the names that rows of lists tell of enterprises already found. Returns those that got one."""
    lists = [one for one in fates if one.row.layout in _LISTS]
    touched: set[int] = set()
    for one in sorted(lists, key=lambda one: one.day):
        for record in one.row.recognitions:
            if record.event is RecognitionEvent.RENAMED and await _rename(session, one, record, known, importer):
                one.improve(Fate.CHANGED)
                touched.add(_id(one))
    lessons = {(_id(one), match_key(name)): (one, name) for one in lists for name in _news(one, known)}
    await _keep(session, [(number, name) for (number, _), (_, name) in lessons.items()], known, importer)
    for one, _ in lessons.values():
        one.improve(Fate.CHANGED)
    return touched | {number for number, _ in lessons}


def _id(one: RowFate) -> int:
    assert one.enterprise_id is not None
    return one.enterprise_id


def _news(one: RowFate, known: KnownEnterprises) -> Iterable[str]:
    """Names in a row that its enterprise is not known by, and nobody else either."""
    held = known.enterprise(_id(one))
    if held is None or any(record.event is RecognitionEvent.RENAMED for record in one.row.recognitions):
        return
    who = one.row.enterprise
    for name in (who.name, *(former.name for former in who.former_names)):
        if not name or known.keys_of(held.id, [name]):
            continue
        if known.bearers(name) or _LOST_CHARACTER in name or _may_be_misprint(name, held.name):
            one.warn(f"名单印的是“{name}”，库内叫“{held.name}”，没有记为曾用名", "请核对是否同一家企业")
        else:
            yield name


def _may_be_misprint(name: str, other: str) -> bool:
    """One character apart: mostly a slip of the list, and no name to be known by."""
    one, two = match_key(name), match_key(other)
    return len(one) == len(two) and sum(a != b for a, b in zip(one, two, strict=True)) == 1


async def _keep(
    session: AsyncSession, names: Sequence[tuple[int, str]], known: KnownEnterprises, importer: Importer
) -> None:
    """Let enterprises be known by further names; when they were used nobody says."""
    drafts = [
        draft
        for number, name in names
        if (held := known.enterprise(number)) and (draft := _draft(held, enterprises.FormerName(name), known))
    ]
    if drafts:
        await enterprises.register(session, drafts, importer.today)
        known.hold(await bearers_of(session, [name for _, name in names]))


def _draft(held: Bearer, former: enterprises.FormerName, known: KnownEnterprises) -> enterprises.Draft | None:
    """What adds a former name to one enterprise; None where only an ambiguous name could say to which."""
    namesakes = {one.id for one in known.bearers(held.name)} - {held.id}
    if held.credit_code is None and namesakes:
        return None
    return enterprises.Draft(held.name, held.credit_code, (former,))


# Notices of new names --------------------------------------------------------------------------------


def renamed_enterprises(one: RowFate, record: RecognitionRecord, known: KnownEnterprises) -> list[Bearer]:
    """Whom a notice of a new name may be about; one only where it is sure."""
    old, new = one.row.enterprise.name, record.new_name
    named_so = {bearer.id for bearer in known.bearers(new)}
    both = {bearer.id: bearer for bearer in known.bearers(old) if bearer.id in named_so}
    if len(both) == 1:
        return list(both.values())
    # Who takes a name over on the very day is not who gave it up.
    by_old = matches_by_name(known, old, one.day - timedelta(days=1), one.row.enterprise.region_code)
    return by_old or [bearer for bearer in known.bearers(new) if bearer.is_current]


async def _rename(
    session: AsyncSession, one: RowFate, record: RecognitionRecord, known: KnownEnterprises, importer: Importer
) -> bool:
    """Take in a new name. Returns whether it was news."""
    held = known.enterprise(_id(one))
    assert held is not None and record.dated_on is not None
    old, new = one.row.enterprise.name, record.new_name
    borne = known.keys_of(held.id, [old, new])
    if borne >= {match_key(old), match_key(new)}:
        return False
    if others := [bearer for bearer in known.bearers(new) if bearer.is_current and bearer.id != held.id]:
        one.refuse(f"库内已有另一家企业叫“{new}”（{others[0].credit_code or '无代码'}）", "请核对更名的是哪家企业")
        return False
    if match_key(held.name) == match_key(old):
        await rename(session, held.id, new, record.dated_on)
    else:
        await _keep_both(session, one, held, record, known, importer)
    known.hold(await bearers_of(session, [old, new]))
    return True


async def _keep_both(
    session: AsyncSession,
    one: RowFate,
    held: Bearer,
    record: RecognitionRecord,
    known: KnownEnterprises,
    importer: Importer,
) -> None:
    """The registry is ahead of the notice, or behind it by more than one name: what it calls the enterprise stays."""
    assert record.dated_on is not None
    old, new = one.row.enterprise.name, record.new_name
    borne = known.keys_of(held.id, [old, new])
    if not borne:
        one.warn(f"库内现名“{held.name}”与更名前后的名称都不同，两个名称都记为曾用名", "如已更名，请在企业页修改")
    news = [enterprises.FormerName(old, record.dated_on - timedelta(days=1)), enterprises.FormerName(new)]
    for former in (one for one in news if match_key(one.name) not in borne):
        if draft := _draft(held, former, known):
            await enterprises.register(session, [draft], importer.today)
