"""Traces: one over upload, queue, delivery, stages and calls of vendors. Off unless configured.

While it is off nothing of OpenTelemetry is imported, and each function here does nothing. The
provider is ours and not the global one, which would let libraries write spans of their own.
Spans hold ids, codes, counts and model names; never what was said, who said it, or a URL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import RostrumError, Unforeseen
from pipeline.log_lines import bound
from pipeline.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanKind, Tracer

TRACES_PATH = "/v1/traces"
PARENT = "traceparent"
"""W3C's header. Its companion `tracestate` may hold any text, so it is not passed on."""

Note = Callable[..., None]
"""Adds attributes to a span: `note(tokens=5)`; `note(failed=code)` says that the step failed."""

_tracer: Tracer | None = None


def configure(settings: Settings, *, service: str) -> Callable[[], None]:
    """Begin to trace where OTEL_EXPORTER_OTLP_ENDPOINT is set; call what comes back at the end.

    Other settings of the exporter and of sampling are OpenTelemetry's own variables.
    """
    global _tracer  # noqa: PLW0603 - one for the process, as the root logger is
    if settings.otel_exporter_otlp_endpoint is None:
        return _nothing
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    endpoint = settings.otel_exporter_otlp_endpoint.rstrip("/") + TRACES_PATH
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = provider.get_tracer("rostrum")

    def end() -> None:
        global _tracer  # noqa: PLW0603 - as above
        _tracer = None
        provider.shutdown()

    return end


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[Note]:
    """A step of our own within the trace."""
    with _open(name, "INTERNAL", attributes) as note:
        yield note


@contextmanager
def call(name: str, **attributes: str | int) -> Iterator[Note]:
    """A call of a service that is not ours."""
    with _open(name, "CLIENT", attributes) as note:
        yield note


@contextmanager
def publishing() -> Iterator[dict[str, str]]:
    """The handing over of a message: the headers that let its delivery go on in this trace."""
    headers: dict[str, str] = {}
    with _open("queue publish", "PRODUCER", {}):
        if _tracer is not None:
            from opentelemetry.trace.propagation.tracecontext import (
                TraceContextTextMapPropagator,
            )

            TraceContextTextMapPropagator().inject(headers)
        yield {name: value for name, value in headers.items() if name == PARENT}


@contextmanager
def serving(headers: Mapping[str, str]) -> Iterator[Note]:
    """A request that is answered, within the trace that it names; log lines name the trace."""
    if _tracer is None:
        yield _no_note
        return
    from opentelemetry.context import Context, attach, detach
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    given = {PARENT: headers[PARENT]} if PARENT in headers else {}
    token = attach(TraceContextTextMapPropagator().extract(given, context=Context()))
    try:
        with _open("request", "SERVER", {}) as note, bound(trace=_trace_id()):
            yield note
    finally:
        detach(token)


@contextmanager
def _open(name: str, kind: str, attributes: Mapping[str, str | int]) -> Iterator[Note]:
    if _tracer is None:
        yield _no_note
        return
    from opentelemetry.trace import SpanKind

    given: SpanKind = SpanKind[kind]
    with _tracer.start_as_current_span(
        name,
        kind=given,
        attributes={_key(key): value for key, value in attributes.items()},
        # Messages of exceptions may quote what was said.
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield _noting(opened)
        except RostrumError as error:
            _fail(opened, error.code)
            raise
        except Exception:
            _fail(opened, Unforeseen.code)
            raise


def _noting(opened: Span) -> Note:
    def note(
        *, name: str | None = None, failed: str | None = None, **attributes: str | int | None
    ) -> None:
        if name is not None:
            opened.update_name(name)
        if failed is not None:
            _fail(opened, failed)
        for key, value in attributes.items():
            if value is not None:
                opened.set_attribute(_key(key), value)

    return note


def _key(name: str) -> str:
    return f"rostrum.{name}"


def _fail(opened: Span, code: str) -> None:
    from opentelemetry.trace import StatusCode

    opened.set_attribute("error.type", code)
    opened.set_status(StatusCode.ERROR)


def _trace_id() -> str:
    from opentelemetry.trace import format_trace_id, get_current_span

    return format_trace_id(get_current_span().get_span_context().trace_id)


def _no_note(
    *, name: str | None = None, failed: str | None = None, **attributes: str | int | None
) -> None:
    """Add nothing: there is no span."""


def _nothing() -> None:
    """End nothing: nothing began."""
