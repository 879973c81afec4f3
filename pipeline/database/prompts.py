"""Which prompts are new."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# By hops over the index, each to the next prompt's first analysis: there are few prompts and many
# analyses.
_NEW = text("""
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
SELECT prompt_version FROM firsts WHERE created_at >= :since
""")


def new_prompts(db: Session, *, since: datetime) -> list[str]:
    """Prompts that no analysis before then was made with.

    A question of its own: what is asked with them knows then how many sessions they have.
    """
    return list(db.scalars(_NEW, {"since": since}))
