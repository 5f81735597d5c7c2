"""Which filings still hold: those of an import that was undone do not, from that moment on."""


def stands(known_at: str) -> str:
    """Whether filing `f` had not been withdrawn by a moment, given as SQL; NULL is now."""
    until = (
        "" if known_at == "NULL" else f" AND w.withdrawn_at <= coalesce(CAST({known_at} AS timestamptz), 'infinity')"
    )
    return f"NOT EXISTS (SELECT FROM filing_withdrawal w WHERE w.filing_id = f.id{until})"
