"""Which prompts are new, as an expression of SQL."""

from __future__ import annotations

from sqlalchemy import text

# Prompts that no analysis before then was made with. By hops over the index, each to the next
# prompt's first analysis: there are few prompts and many analyses.
NEW_PROMPTS = text("""
(ARRAY(
WITH RECURSIVE firsts AS (
    (SELECT prompt_version, created_at FROM analyses ORDER BY prompt_version, created_at LIMIT 1)
    UNION ALL
    SELECT following.*
      FROM firsts f
     CROSS JOIN LATERAL (
           SELECT a.prompt_version, a.created_at
             FROM analyses a
            WHERE a.prompt_version > f.prompt_version
            ORDER BY a.prompt_version, a.created_at LIMIT 1) following
)
SELECT prompt_version FROM firsts WHERE created_at >= :since))
""")
