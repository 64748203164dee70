"""Help without types: each argument has a name that says more."""

from __future__ import annotations

from copy import copy
from typing import Any


class WithoutTypes:
    """A mixin for commands: typer shows `<str>` behind an argument's name."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, help among them; nothing stands behind arguments."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in parameters:
            if one.param_type_name == "argument":
                one.type = copy(one.type)
                one.type.get_metavar = lambda *_, **__: ""
        return parameters
