"""The sample recording, for whoever wants to see what a learner gets."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from dashboard.services import services
from pipeline import intake
from pipeline.staff import Staff

SAMPLE = Path(__file__).parents[1] / "samples" / "sample.ogg"
LEARNER = "sample-learner"


def upload_sample(asker: Staff) -> UUID:
    """Upload the sample as a test; its session. Asked again within a day: the same one.

    Raises:
        RostrumError: as `intake.upload`.
    """
    with SAMPLE.open("rb") as audio:
        return intake.upload(
            services(),
            audio=audio,
            user_id=LEARNER,
            title="Sample talk",
            source="test",
            staff=asker,
            idempotency_key="dashboard-sample",
        ).session_id
