"""The reference of the command line and of the settings, as documents: `docs/commands.md` and `docs/settings.md`.

What belongs here: the form of the descriptions. Their content is the commands' help texts, and the fields' descriptions
in `deployment/settings.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from o365_pipeline.dagster_ui.markdown import code, markdown_table, section_link
from o365_pipeline.deployment import Settings

PROGRAM = "o365-pipeline"

COMMANDS_INTRODUCTION = """# Commands

`o365-pipeline docs` makes this page from the commands themselves; do not edit it. `o365-pipeline COMMAND --help` says
the same in the terminal. Where the environment is not activated, write `.venv/bin/o365-pipeline`.

A command takes its configuration from environment variables: see [settings.md](settings.md). It prints its answer on
stdout, and what went wrong, in one line, on stderr. With `--json` a reading command answers with one object: a list of
objects for each table, and `notes`; with `--csv` with the table alone. The names in it stay as they are.

| exit status | meaning |
| --- | --- |
| 0 | the command did what you asked |
| 1 | something failed: the line says what, and what to do |
| 2 | the input or a setting is wrong: the line names it |
| 130 | you interrupted it with Ctrl-C |

A line about something that nobody foresaw names its kind alone, since an error's own words may repeat what rows hold:
`o365-pipeline --debug COMMAND` shows all of it, and where it came from.

**Shell completion.** The shell completes commands and options after one line in its start-up file. The program must be
on the `PATH`, for example by `source .venv/bin/activate`.

```sh
eval "$(_O365_PIPELINE_COMPLETE=bash_source o365-pipeline)"      # bash 4.4 or newer: ~/.bashrc
eval "$(_O365_PIPELINE_COMPLETE=zsh_source o365-pipeline)"       # zsh: ~/.zshrc
_O365_PIPELINE_COMPLETE=fish_source o365-pipeline | source       # fish: ~/.config/fish/config.fish
```
"""

SETTINGS_INTRODUCTION = """# Settings

`o365-pipeline docs` makes this page from the settings' model; do not edit it. Every setting is an environment variable.
A wrong one stops the start with one line that names it.
"""

PARTS: Mapping[str, tuple[str, str]] = {
    "": ("Everywhere", ""),
    "Customer": (
        "The sandbox's own customer",
        "Where `O365_CUSTOMERS` names a file, each customer there has these settings of its own, and the variables are "
        "refused. `o365-pipeline customers example` prints such a file.",
    ),
    "Azure": (
        "On Azure alone",
        "Who signs in, and where Azure answers: see [azure.md](azure.md#sign-in).",
    ),
    "Sandbox": (
        "The sandbox alone",
        "How large the organization is that the sandbox makes up, and how fast it answers.",
    ),
}
"""The sections of the settings: the word before the colon of a description, the section's title, its introduction."""


def commands_document(root: click.Command) -> str:
    """Describes every command below the root, in the order of their names, with a table of contents."""
    whole = click.Context(root, info_name=PROGRAM)
    commands = [context for context in _below(whole) if not isinstance(context.command, click.Group)]
    contents = markdown_table(
        ("command", "what it does"),
        ((section_link(_name(context)), _help(context.command).split("\n\n")[0]) for context in commands),
    )
    return "\n\n".join([COMMANDS_INTRODUCTION.rstrip(), contents, *map(_command, commands)]) + "\n"


def settings_document() -> str:
    """Describes every setting with its default and its possible values, by where it counts."""
    fields = Settings.model_json_schema()["properties"]
    return "\n\n".join([SETTINGS_INTRODUCTION.rstrip(), *(_part(word, fields) for word in PARTS)]) + "\n"


def _below(context: click.Context) -> Iterator[click.Context]:
    """Returns a context for each visible command below a group, depth first."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        yield below
        if isinstance(command, click.Group):
            yield from _below(below)


def _name(context: click.Context) -> str:
    return context.command_path.partition(" ")[2]


def _help(command: click.Command) -> str:
    """Returns a command's help with each paragraph on a line of its own."""
    return _text("\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n")).strip())


def _text(text: str) -> str:
    """Escapes plain text for Markdown, so that no character begins a tag."""
    return text.replace("<", "\\<")


def _command(context: click.Context) -> str:
    command = context.command
    usage = code(" ".join([context.command_path, *command.collect_usage_pieces(context)]))
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    options = [(code(shown), _text(text)) for shown, text in records if text]
    return "\n\n".join(
        [
            f"## {_name(context)}",
            _help(command),
            usage,
            *([markdown_table(("option", "what it says"), options)] if options else []),
        ]
    )


def _part(word: str, fields: Mapping[str, Mapping[str, Any]]) -> str:
    title, introduction = PARTS[word]
    rows = [
        (code(f"O365_{name.upper()}"), _default(field), _values(field), _text(said))
        for name, field in fields.items()
        for part, said in [_split(field["description"])]
        if part == word
    ]
    table = markdown_table(("variable", "default", "values", "what it says"), rows)
    return "\n\n".join([f"## {title}", *([introduction] if introduction else []), table])


def _split(description: str) -> tuple[str, str]:
    """Returns the word that says where a setting counts, and the rest of the description as a sentence."""
    word, _, said = description.partition(": ")
    return (word, said[:1].upper() + said[1:]) if word in PARTS else ("", description)


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if default is None or default == []:
        return ""
    return code(str(default).lower() if isinstance(default, bool) else str(default))


def _values(field: Mapping[str, Any]) -> str:
    """Returns the possible values of a setting, from its JSON schema."""
    kinds = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    [kind] = kinds
    if "enum" in kind:
        return code(*kind["enum"])
    if kind["type"] in ("integer", "number"):
        return _range(kind)
    if kind["type"] == "boolean":
        return code("true", "false")
    if kind["type"] == "array":
        return "names with commas between them"
    return {"path": "a path", "date": "a day, as `2026-11-16`", "password": "a secret"}.get(
        kind.get("format", ""), "text"
    )


def _range(kind: Mapping[str, Any]) -> str:
    lowest = kind.get("minimum")
    highest = kind.get("maximum")
    above = kind.get("exclusiveMinimum")
    if above is not None:
        return f"above {above:g}, at most {highest:g}"
    return "a number" if lowest is None else f"{lowest:,g} to {highest:,g}"
