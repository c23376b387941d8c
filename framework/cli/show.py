"""`lakegate list` and `lakegate show`: what there is, without starting Spark."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from framework.cli import project

if TYPE_CHECKING:
    from rich.tree import Tree

    from framework.pipeline import Job
    from framework.pipeline.node import Node


def print_jobs() -> None:
    """Print the name and the first line of each job."""
    names = project.find().names()
    width = max(map(len, names), default=0)
    for name, described in names.items():
        typer.echo(f"{name:<{width}}  {described}")


def print_job(name: str, svg: Path | None) -> None:
    """Print a job's loads, each above what it is made from, and its parameters; draw it if `svg` is given."""
    from rich.console import Console
    from rich.markup import escape
    from rich.tree import Tree

    from framework.pipeline.guarantee import guarantee
    from framework.report import describe

    job = project.find().load(name)
    console = Console(highlight=False)
    tree = Tree(f"[bold]{job.name}[/bold]")
    shown: set[str] = set()
    for node in job.loads:
        _add(tree, job, node, shown)
    for node in job.nodes:
        if node.kind == "maintain":
            tree.add(escape(describe(node)))
    console.print(tree)
    for load in job.loads:
        console.print(f"{escape(load.name)}  {escape(str(guarantee(job.nodes, load)))}")
    for parameter in job.parameters.values():
        flag = "--" + parameter.name.replace("_", "-")
        console.print(f"{flag}  {escape(str(parameter))}" + (" (required)" if parameter.required else ""))
    if svg:
        from framework.report import draw

        svg.parent.mkdir(parents=True, exist_ok=True)
        svg.write_text(draw(job), encoding="utf-8")
        console.print(f"Drawn: {svg}")


def _add(tree: "Tree", job: "Job", node: "Node", shown: set[str]) -> None:
    from rich.markup import escape

    from framework.report import describe

    again = node.key in shown and bool(node.takes)
    branch = tree.add(escape(describe(node)) + (" [dim](as above)[/dim]" if again else ""))
    shown.add(node.key)
    if again:
        return
    for parameter, frame in node.takes.items():
        maker = next(n for n in job.nodes if n.key == frame)
        under = branch if parameter in (frame, "rows") else branch.add(f"[dim]{parameter} =[/dim]")
        _add(under, job, maker, shown)
