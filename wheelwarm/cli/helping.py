"""Help without types: each value has a name that says more, and a flag has no value."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class WithoutTypes:
    """A mixin for commands and groups: typer 0.29 shows `<bool>` behind a flag, as if that were to be typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, help among them; nothing stands behind flags and arguments."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in parameters:
            if getattr(one, "is_flag", False) and one.metavar is None:
                one.metavar = ""
            if one.param_type_name == "argument":
                one.display_type_rich = lambda **_: None  # older typers do not ask for it
        return parameters


class Group(WithoutTypes, TyperGroup):
    """The program itself."""
