"""The made-up people who work with the dashboard."""

from __future__ import annotations

from pipeline.staff import Role, Staff
from seeding.marked import STAFF_DOMAIN

ADA = Staff(f"ada@{STAFF_DOMAIN}", Role.ADMIN)
TOM = Staff(f"tom@{STAFF_DOMAIN}", Role.QA)
MIRA = Staff(f"mira@{STAFF_DOMAIN}", Role.COACH)
JOHN = Staff(f"john@{STAFF_DOMAIN}", Role.COACH)
REVIEWERS = (TOM, MIRA, JOHN)
LOCAL = "local admin"
"""Who looks without sign-in: something is assigned to them, too."""
