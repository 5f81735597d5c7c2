"""Who counts at all: an enterprise until the day before it ended, and of two files of one enterprise the one that remains.

Both as known at the moment asked about: a merge or a cancellation of today leaves what an earlier day knew as it was.
"""

from backend.plans.asked_days import Asked, between

#: Whom the registry did not have yet at the moment asked about.
REGISTERED_LATER = "SELECT late.id FROM enterprise late WHERE late.created_at > :known_at"
_SINCE_ALWAYS = "DATE '0001-01-02'"


def registered(sets: str, asked: Asked) -> str:
    """A subquery of rows (enterprise_id, days) with those only whom the registry had at the moment.

    Titles and filings have a moment of their own, at which they were recorded; what belongs to a set by nothing but what
    the enterprise's own row says was not known before that row was.
    """
    if asked.known_at is None:
        return sets
    return f"SELECT k.enterprise_id, k.days FROM ({sets}) k WHERE k.enterprise_id NOT IN ({REGISTERED_LATER})"


def living(sets: str, asked: Asked, *columns: str) -> str:
    """A subquery of rows (…, enterprise_id, days) with the days only on which the enterprise was one.

    Args:
        sets: the subquery as it is.
        asked: the days and the knowledge.
        columns: what else of it is wanted.
    """
    if asked.known_at is None:
        ended = "SELECT id AS enterprise_id, ended_on FROM enterprise WHERE ended_on IS NOT NULL"
        merged = "SELECT absorbed_id FROM enterprise_alias WHERE known_to IS NULL"
    else:
        ended = f"SELECT enterprise_id, ended_on FROM enterprise_end x WHERE {asked.known('x')}"
        merged = (
            "SELECT absorbed_id FROM enterprise_alias WHERE known_from <= :known_at"
            " AND (known_to IS NULL OR known_to > :known_at)"
        )
    days = (
        f"CASE WHEN ended.ended_on IS NULL THEN u.days ELSE u.days & {between(_SINCE_ALWAYS, 'ended.ended_on - 1')} END"
    )
    return (
        f"SELECT {''.join(f'u.{name}, ' for name in columns)}u.enterprise_id, {days} AS days FROM ({sets}) u"
        f" LEFT JOIN ({ended}) ended ON ended.enterprise_id = u.enterprise_id"
        f" WHERE u.enterprise_id NOT IN ({merged})"
    )
