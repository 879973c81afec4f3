"""Whose role is which, by configuration: read anew each time, so that a change counts at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.staff import Role


class RolesUnreadable(Exception):
    """`DASHBOARD_ROLES_FILE` cannot be read: nobody has a role until it can."""


class Variables(BaseSettings):
    """What the dashboard alone is told."""

    model_config = SettingsConfigDict(
        env_file=".env", env_prefix="DASHBOARD_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    admins: str = ""
    """E-mails, separated by commas, as in the two below."""
    qa: str = ""
    coaches: str = ""
    roles_file: Path | None = None
    """Lists the three instead; read for every click, so that no restart is needed."""
    session_hours: int = Field(default=12, ge=1)
    """After which a person signs in again."""
    app_env: Literal["local", "production"] = Field(default="local", validation_alias="APP_ENV")


class _File(BaseModel, extra="forbid"):
    """`DASHBOARD_ROLES_FILE`: TOML with three lists of e-mails."""

    admins: list[str] = []
    qa: list[str] = []
    coaches: list[str] = []


def role_of(email: str) -> Role | None:
    """The greatest role of an e-mail address; None: it has none.

    Raises:
        RolesUnreadable: the file is named, and missing or malformed.
    """
    listed = _listed(Variables())
    by_role = {Role.ADMIN: listed.admins, Role.QA: listed.qa, Role.COACH: listed.coaches}
    wanted = email.strip().lower()
    for role, emails in by_role.items():
        if wanted and wanted in {each.strip().lower() for each in emails}:
            return role
    return None


def _listed(variables: Variables) -> _File:
    if variables.roles_file is None:
        return _File(
            admins=variables.admins.split(","),
            qa=variables.qa.split(","),
            coaches=variables.coaches.split(","),
        )
    try:
        return _File.model_validate(tomllib.loads(variables.roles_file.read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise RolesUnreadable from error
