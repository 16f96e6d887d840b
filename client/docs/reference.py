"""A hook of MkDocs: a page of the reference for each public module of `unskew`, found in the sources.

Nothing is listed by hand, so nothing public is left out. A name that a module only passes on is documented where its
class or function is written, if that is a public module, and linked; else here.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

SOURCES = Path(__file__).resolve().parents[1] / "src"
PACKAGE = "unskew"


@dataclass(frozen=True)
class Module:
    """A public module."""

    name: str
    members: list[str] = field(default_factory=list)
    """What is documented on its page."""
    elsewhere: dict[str, str] = field(default_factory=dict)
    """What it passes on: the full name under which it is documented, by its name here."""

    @property
    def page(self) -> str:
        """The file of its page."""
        return f"reference/{self.name}.md"

    def text(self) -> str:
        """Its page."""
        members = f"[{', '.join(self.members)}]" if self.members else "false"
        lines = [f"::: {self.name}", "    options:", "      heading_level: 1", "      show_root_full_path: true"]
        lines += [f"      members: {members}"]
        if self.elsewhere:
            lines += ["", "## Also here", ""]
            lines += [f"- [`{name}`][{full}]" for name, full in sorted(self.elsewhere.items())]
        return "\n".join(lines) + "\n"


def modules() -> list[Module]:
    """The public modules, the package itself first."""
    names = []
    for path in sorted((SOURCES / PACKAGE).rglob("*.py")):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        # The modules of the command line are its commands; its reference is the page of the command line.
        inside_cli = len(parts) > 2 and parts[1] == "cli"  # noqa: PLR2004 (unskew, cli, and what is in it)
        if not any(part.startswith("_") for part in parts) and not inside_cli:
            names.append(".".join(parts))
    return [module(name, set(names)) for name in names]


def module(name: str, public: set[str]) -> Module:
    """What a module has for its users."""
    tree = ast.parse(source(name).read_text(encoding="utf-8"))
    exported = _exported(tree)
    origins = _origins(tree)
    found = Module(name)
    for member in _defined(tree) if exported is None else exported:
        origin = origins.get(member)
        if f"{name}.{member}" in public:
            found.elsewhere[member] = f"{name}.{member}"
        elif origin in public:
            found.elsewhere[member] = f"{origin}.{member}"
        else:
            found.members.append(member)
    return found


def source(name: str) -> Path:
    """The file of a module."""
    path = SOURCES.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exported(tree: ast.Module) -> list[str] | None:
    """`__all__`, where there is one."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(it, ast.Name) and it.id == "__all__" for it in node.targets):
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def _defined(tree: ast.Module) -> list[str]:
    """Public classes and functions."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def _origins(tree: ast.Module) -> dict[str, str]:
    """The modules that names are imported from, also where only a type checker imports them."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages to the navigation."""
    pages = [{found.name: found.page} for found in modules()]
    config.nav = [*(config.nav or []), {"Reference": pages}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Makes the pages."""
    for found in modules():
        files.append(File.generated(config, found.page, content=found.text()))
    return files
