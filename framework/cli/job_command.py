"""A verb with a command for each job: `lakegate run JOB`, whose options are the job's parameters and the verb's own."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from framework.cli import project
from framework.cli.options import Environment, Overrides
from framework.errors import ParameterConflictError

if TYPE_CHECKING:
    from framework.pipeline import Job
    from framework.pipeline.stage import Parameter

SHARED: tuple[tuple[str, Any, Any], ...] = (("env", "local", Environment), ("set", None, Overrides))


class JobCommands(TyperGroup):
    """A command for each job of the project, made when it is asked for."""

    verb: ClassVar[str]
    options: ClassVar[Sequence[tuple[str, Any, Any]]]
    call: ClassVar[Callable[..., None]]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the jobs' names."""
        return list(project.find().names())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what the help lists of a job; nothing is imported, so a broken file hides no other job."""
        return TyperCommand(cmd_name, help=project.find().names().get(cmd_name))

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Take the verb's options before the name, too: they are of the command that the name makes."""
        return super().parse_args(ctx, self._name_first(args))

    def _name_first(self, args: list[str]) -> list[str]:
        """Return the words with the verb's own options behind the name; without a name they mean nothing."""
        if not args or not args[0].startswith("--"):
            return args
        made = self.made(self.verb, "", {}, print).params
        own = {word: option for option in made for word in option.opts if word.startswith("--")}
        rest, moved = list(args), list[str]()
        while rest and (option := own.get(rest[0].partition("=")[0])):
            count = 1 if "=" in rest[0] or option.is_flag else 2
            moved, rest = moved + rest[:count], rest[count:]
        if rest[:1] == ["--"]:  # no option counts behind it, so none before it may be dropped
            return args
        return [rest[0], *moved, *rest[1:]] if rest and not rest[0].startswith("-") else rest

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the job that is meant and make its command. Raises UnknownJobError or JobImportError."""
        here = project.find()
        return args[0], self.command(here, here.load(args[0])), args[1:]

    def command(self, here: project.Project, job: "Job") -> Any:
        """Return the command of a job, with an option for each of its parameters."""
        described = (inspect.getdoc(sys.modules[f"jobs.{job.name}"]) or "").split("\n", 1)[0]
        return self.made(job.name, described, job.parameters, partial(self.call, here, job))

    @classmethod
    def refuse_clash(cls, name: str, parameters: "Mapping[str, Parameter]") -> None:
        """Raise ParameterConflictError where a parameter of a job has the name of one of the verb's options."""
        for option in ("help", *(option for option, _, _ in (*cls.options, *SHARED))):
            if option in parameters:
                raise ParameterConflictError(
                    name, option, str(parameters[option]), f"an option of `lakegate {cls.verb}`"
                )

    def made(
        self, name: str, described: str, parameters: "Mapping[str, Parameter]", call: Callable[..., None], **more: Any
    ) -> Any:
        """Return a command with the verb's options and those of the parameters; `more` is for click's command."""
        self.refuse_clash(name, parameters)
        own = [*self.options, *SHARED]

        def command(env: str, set: list[str] | None, **typed: Any) -> None:
            given = {parameter: typed.pop(parameter) for parameter in parameters}
            call(env, set or [], {k: v for k, v in given.items() if v is not None}, **typed)

        keyword = inspect.Parameter.KEYWORD_ONLY
        options = [_option(parameter) for parameter in parameters.values()]
        options += [inspect.Parameter(name, keyword, default=default, annotation=kind) for name, default, kind in own]
        command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        command.__annotations__ = {option.name: option.annotation for option in options}
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(name, help=described, **more)(command)
        return typer.main.get_command(single)


def _option(parameter: "Parameter") -> inspect.Parameter:
    shown = str(parameter) + (", required" if parameter.required else "")
    flag = "--" + parameter.name.replace("_", "-")
    option = Annotated[str | None, typer.Option(flag, help=shown, metavar="VALUE", show_default=False)]
    return inspect.Parameter(parameter.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
