"""Our answers against what others say: another rules engine, and real firms' published figures."""
