"""What a list is asked for: the filters of the query, checked."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.datastructures import QueryParams

from local.qstash.message import Refused

Time = Field(default=None, ge=0, le=1 << 53)
"""Unix milliseconds."""


class Asked(BaseModel):
    """The filters that QStash knows; several values of one mean any of them."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    cursor: str | None = None
    count: int | None = Field(default=None, ge=1, le=1 << 31)
    dlq_ids: list[str] | None = None
    message_id: list[str] | None = None
    message_ids: list[str] | None = None
    url: list[str] | None = None
    label: list[str] | None = None
    schedule_id: list[str] | None = None
    flow_key: list[str] | None = Field(default=None, alias="flowControlKey")
    state: list[str] | None = None
    response_status: list[Annotated[int, Field(ge=0, le=999)]] | None = None
    from_date: int | None = Time
    to_date: int | None = Time

    def values(self) -> dict[str, Any]:
        """As parameters of a query: NULL where nothing is asked for, times in seconds."""
        return {
            **self.model_dump(),
            "from_date": None if self.from_date is None else self.from_date / 1000,
            "to_date": None if self.to_date is None else (self.to_date + 0.999) / 1000,
        }


NOT_KNOWN_HERE = {"topicName": "URL groups", "queueName": "queues", "callerIp": "callers"}
_SINGLE = {"cursor", "count", "fromDate", "toDate"}


def read_query(query: QueryParams) -> Asked:
    """The filters of a request.

    Raises:
        Refused: a value that cannot be, or a filter that would find nothing here.
    """
    for name, meaning in NOT_KNOWN_HERE.items():
        if name in query:
            raise Refused(f"this local server knows no {meaning}: {name} cannot be asked for")
    given = {name: query[name] if name in _SINGLE else query.getlist(name) for name in query}
    if "\0" in str(query):
        raise Refused("invalid query: it holds a null character")
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        raise Refused(f"invalid query parameter: {error.errors()[0]['loc'][0]}") from error
