"""The path of a request as the routes know it, for whoever looks before the routing."""

from __future__ import annotations

from starlette.types import Scope

UPLOAD = "/api/sessions"
PROCESS = "/api/internal/process"
WEBHOOKS = "/api/internal/"


def path_of(scope: Scope) -> str:
    """The path without the prefix that a proxy adds (`--root-path`).

    Cut just as Starlette's routing cuts it: a path that a guard reads otherwise than the
    router would be a way around the guard.
    """
    path, prefix = str(scope["path"]), str(scope.get("root_path", ""))
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :]
    return path


def is_guarded(path: str) -> bool:
    """Whether the bearer token is asked for: all of the API but the signed webhooks."""
    return path.startswith("/api/") and not path.startswith(WEBHOOKS)
