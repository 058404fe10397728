"""The verb ``completion``: a static script for a shell, made from the parsers themselves.

Static, so that a key press starts no program. Must hold no text of a queue.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

from prismq_gui.commands.command import VERBS, Command, Exit, load, make_parser
from prismq_gui.commands.output import say
from prismq_gui.queue.transitions import Status

SHELLS: Final = ("bash", "zsh", "fish", "powershell")


@dataclass(frozen=True, slots=True)
class _Verb:
    name: str
    help: str
    options: tuple[str, ...]


def _verbs() -> list[_Verb]:
    found = []
    for name, (_module, text) in VERBS.items():
        if text:
            parser = make_parser(name, load(name))
            options = (each for action in parser._actions for each in action.option_strings)
            found.append(_Verb(name, text, tuple(sorted(each for each in options if each.startswith("--")))))
    return found


def _completion(options: argparse.Namespace) -> int:
    say({"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}[options.shell](_verbs()))
    return Exit.OK


def _statuses() -> str:
    return " ".join(status.value for status in Status)


def _bash(verbs: list[_Verb]) -> str:
    cases = "\n".join(f'    {verb.name}) words="{" ".join(verb.options)}" ;;' for verb in verbs)
    names = " ".join(verb.name for verb in verbs)
    return f"""\
# bash completion of prismq-gui; put it into ~/.local/share/bash-completion/completions/prismq-gui
_prismq_gui() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  COMPREPLY=()
  case "$before" in
    --status) COMPREPLY=($(compgen -W "{_statuses()}" -- "$word")); return ;;
    completion) COMPREPLY=($(compgen -W "{" ".join(SHELLS)}" -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{names} --help --version --read-only --data-dir" -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  if [[ "$word" == -* ]]; then COMPREPLY=($(compgen -W "$words" -- "$word")); fi
}}
complete -o default -o bashdefault -F _prismq_gui prismq-gui"""


def _zsh(verbs: list[_Verb]) -> str:
    names = "\n".join(f"    '{verb.name}:{verb.help}'" for verb in verbs)
    cases = "\n".join(f"    {verb.name}) options=({' '.join(verb.options)}) ;;" for verb in verbs)
    return f"""\
#compdef prismq-gui
# zsh completion of prismq-gui; put it as _prismq-gui into a folder of $fpath
_prismq_gui() {{
  local -a verbs options
  verbs=(
{names}
  )
  if (( CURRENT == 2 )); then _describe verb verbs; _files; return; fi
  case "$words[CURRENT-1]" in
    --status) compadd -- {_statuses()}; return ;;
    completion) compadd -- {" ".join(SHELLS)}; return ;;
  esac
  case "$words[2]" in
{cases}
  esac
  if [[ "$PREFIX" == -* ]]; then compadd -a options; else _files; fi
}}
compdef _prismq_gui prismq-gui"""


def _fish(verbs: list[_Verb]) -> str:
    lines = ["# fish completion of prismq-gui; put it into ~/.config/fish/completions/prismq-gui.fish"]
    for verb in verbs:
        lines.append(f"complete -c prismq-gui -n __fish_use_subcommand -a {verb.name} -d '{verb.help}'")
        seen = f"'__fish_seen_subcommand_from {verb.name}'"
        for option in verb.options:
            values = f" -x -a '{_statuses()}'" if option == "--status" else ""
            lines.append(f"complete -c prismq-gui -n {seen} -l {option.removeprefix('--')}{values}")
    lines.append(
        f"complete -c prismq-gui -n '__fish_seen_subcommand_from completion' -x -a '{' '.join(SHELLS)}'"
    )  # fmt: skip
    return "\n".join(lines)


def _powershell(verbs: list[_Verb]) -> str:
    table = "\n".join(f"    '{verb.name}' = @({', '.join(map(_quoted, verb.options))})" for verb in verbs)
    statuses = ", ".join(_quoted(status.value) for status in Status)
    return f"""\
# PowerShell completion of prismq-gui; put it into the file that $PROFILE names
Register-ArgumentCompleter -Native -CommandName prismq-gui -ScriptBlock {{
  param($word, $command, $position)
  $options = @{{
{table}
  }}
  $before = @($command.CommandElements | ForEach-Object {{ $_.ToString() }})
  if ($word) {{ $before = @($before | Select-Object -SkipLast 1) }}
  if ($before.Count -le 1) {{ $found = $options.Keys | Sort-Object }}
  elseif ($before[-1] -eq '--status') {{ $found = @({statuses}) }}
  elseif ($before[-1] -eq 'completion') {{ $found = @({", ".join(map(_quoted, SHELLS))}) }}
  elseif ($word -like '-*') {{ $found = $options[$before[1]] }}
  else {{ $found = @() }}
  $found | Where-Object {{ $_ -like "$word*" }} | ForEach-Object {{
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }}
}}"""


def _quoted(text: str) -> str:
    return f"'{text}'"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="for which shell")


COMMANDS: Final = {
    "completion": Command(
        "Print a completion script; its first line says where to put it. For this shell alone:\n"
        '  bash        eval "$(prismq-gui completion bash)"\n'
        "  PowerShell  prismq-gui completion powershell | Out-String | Invoke-Expression\n"
        "--json changes nothing.",
        _arguments, _completion,
    )
}  # fmt: skip
