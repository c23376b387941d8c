"""One table of the settings file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One table of the settings file: frozen, and nothing that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
