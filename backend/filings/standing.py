"""Which filings still hold, and whose they are: an import may be undone, and two files prove to be one enterprise's."""


def stands(known_at: str) -> str:
    """Whether filing `f` had not been withdrawn by a moment, given as SQL; NULL is now."""
    until = (
        "" if known_at == "NULL" else f" AND w.withdrawn_at <= coalesce(CAST({known_at} AS timestamptz), 'infinity')"
    )
    return f"NOT EXISTS (SELECT FROM filing_withdrawal w WHERE w.filing_id = f.id{until})"


def filings(known_at: str = "NULL") -> str:
    """The filings by whose they are, as known at a moment: those of a file that is part of another are the other's."""
    return f"filings_known(CAST({known_at} AS timestamptz))"
