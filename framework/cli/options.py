"""Options that several verbs take."""

from typing import Annotated

import typer

Environment = Annotated[
    str, typer.Option("--env", envvar="LAKEGATE_ENV", help="which conf/<env>.toml", metavar="ENV", show_default=True)
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override a setting, such as lake.root=/tmp/lake")
]
