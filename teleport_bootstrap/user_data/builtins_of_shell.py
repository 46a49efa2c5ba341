"""What the commands of the shell itself do to its variables, options and directory."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import expansion, printing, streams, text
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.text import Line, Text, Unknowable
from teleport_bootstrap.user_data.words import Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

_DECLARING = frozenset(("export", "readonly", "local", "declare", "typeset"))
_READING = frozenset(("mapfile", "readarray", "getopts", "let"))
ALL = frozenset(
    (
        *_DECLARING,
        *_READING,
        "read",
        "return",
        "shift",
        "printf",
        "trap",
        "enable",
        "unset",
        "eval",
        "source",
        ".",
        "set",
        "shopt",
        "alias",
        "cd",
        "pushd",
        "popd",
        "exit",
        "break",
        "continue",
    )
)
_LONG = {"errexit": "e", "nounset": "u", "noclobber": "C", "pipefail": "|", "allexport": "a", "noexec": "n"}
# Options of `shopt` that change what commands print, match or set.
_CHANGING = frozenset(("lastpipe", "nocasematch", "xpg_echo", "inherit_errexit", "compat31", "localvar_inherit"))
_RELEASE = frozenset(("/etc/os-release", "/usr/lib/os-release", "/etc/lsb-release"))
_OF_RELEASE = (
    *("NAME", "VERSION", "ID", "ID_LIKE", "VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME", "PLATFORM_ID", "HOME_URL"),
    *("UBUNTU_CODENAME", "DISTRIB_ID", "DISTRIB_RELEASE", "DISTRIB_CODENAME", "DISTRIB_DESCRIPTION", "ANSI_COLOR"),
    *("CPE_NAME", "BUG_REPORT_URL", "SUPPORT_URL", "SUPPORT_END", "VARIANT", "VARIANT_ID", "LOGO", "BUILD_ID"),
    *("DOCUMENTATION_URL", "VENDOR_NAME", "VENDOR_URL", "PRIVACY_POLICY_URL", "DEBIAN_VERSION_FULL"),
)
_NAME = regex.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Words = Sequence["tuple[Word, Expanded]"]


def run(reader: Reader, name: str, call: Call) -> bool | None:
    """Follow one of ALL, and return whether it succeeds, None where that is not known. Raises Unknowable."""
    given = call.words[1:]
    if name == "read":
        return streams.read(reader, call)
    if name in _DECLARING:
        _declare(reader, name, given)
    elif name in _READING or name == "printf":
        return _read(reader, name, given)
    elif name in _OTHERS:
        _OTHERS[name](reader, given)
        return None
    elif name in ("exit", "return"):
        status = given[0][1].text if given else ""
        outcome = status == "0" if status.isdecimal() else None
        reader.end(is_function=name == "return" and reader.is_in_function, outcome=outcome)
    elif name in ("cd", "pushd", "popd"):
        _change_directory(reader, name, given)
        return None
    elif name in ("break", "continue"):
        reader.end_loop(goes_on=name == "continue", levels=given[0][1].text if given else "1")
    elif name == "shift":
        _shift(reader, given)
    else:
        _check(reader, name, given)
    return True


def _shift(reader: Reader, given: Words) -> None:
    arguments = reader.variables.arguments
    count = given[0][1].text if given else "1"
    is_sure = arguments is not None and count.isdecimal() and int(count) <= len(arguments) and not reader.conditions
    reader.variables.set_arguments(arguments[int(count) :] if arguments is not None and is_sure else None)


def _check(reader: Reader, name: str, given: Words) -> None:
    """Raise Unknowable for what is not followed."""
    if name == "shopt" and any(value.text == "expand_aliases" for _, value in given):
        reader.options.add("aliases")
    is_alias = name == "alias" and bool(given) and (reader.is_posix or "aliases" in reader.options)
    is_option = name == "shopt" and any(value.text in _CHANGING for _, value in given)
    if is_alias or is_option or name == "enable":
        raise Unknowable(f"what `{name}` changes in the shell is not followed here", reader.place, "leave it out")


def _trap(reader: Reader, given: Words) -> None:
    """Note what runs when the script ends; as commands are taken to succeed, nothing else does."""
    action = given[0][1] if given else Expanded("")
    signals = {value.text.removeprefix("SIG") for _, value in given[1:]}
    is_followed = bool(signals) and signals <= {"EXIT", "0"} and action.value is not None and not reader.conditions
    if not is_followed and given and "teleport.d" in f"{action.text}{given[0][0].typed}":
        what = "`trap` may change the conf, which only running the script tells"
        raise Unknowable(what, reader.place, text.HERE_DOCUMENT)
    if "DEBUG" in signals:
        raise Unknowable("what `trap` does before each command is not followed here", reader.place, "leave it out")
    if "ERR" in signals and "exit" in action.text:
        reader.options.add("ERR")
    if signals & {"EXIT", "0"} and action.value is not None:
        number = reader.line_of(reader.row).number
        lines = tuple(Line(each, number, exact=False) for each in action.text.split("\n"))
        reader.exit_trap = Text(reader.text.path, lines) if action.text != "-" else None


def _change_directory(reader: Reader, name: str, given: Words) -> None:
    known = given[0][1].value if len(given) == 1 and name != "popd" else None
    if name == "popd" and not given and reader.directories:
        reader.files.directory = reader.directories.pop()
        return
    if name == "pushd":
        reader.directories.append(None if reader.conditions else reader.files.directory)
    is_sure = known is not None and not known.startswith("-") and not reader.conditions
    reader.files.directory = reader.path(known or "") if is_sure else None


def _unset(reader: Reader, given: Words) -> None:
    is_function = any(value.text == "-f" for _, value in given)
    for item in [value.text.partition("[") for _, value in given if "[" in value.text]:
        reader.variables.arrays[item[0]] = None
    for each in expansion.names([value.text for _, value in given]):
        if is_function or each not in reader.variables.values:
            reader.functions.pop(each, None)
        elif reader.conditions:
            reader.variables.set(each, None)
        else:
            reader.variables.unset(each)


def _declare(reader: Reader, name: str, given: Words) -> None:
    options = "".join(word.typed[1:] for word, _ in given if word.typed.startswith("-"))
    is_plain = not set(options) - set("xrg")
    if "n" in options and name != "export":
        # Each is another name for a variable.
        reader.variables.blur()
    for word, value in given:
        if word.typed.startswith("-"):
            continue
        assignment = reader.assignment(word)
        if assignment is None and value.value is not None and "=" in value.text:
            before, _, after = value.text.partition("=")
            assignment = before, after
        variable = assignment[0] if assignment else value.value
        if variable is None or not variable.isidentifier():
            reader.variables.blur()
            continue
        is_local = name == "local" or (name in ("declare", "typeset") and "g" not in options)
        if is_local and reader.is_in_function:
            reader.make_local(variable)
            if assignment is None and reader.is_posix and variable in reader.variables.values:
                # dash keeps what it was.
                reader.variables.set(variable, None)
            elif assignment is None:
                reader.variables.unset(variable)
        if assignment is not None:
            # Another shell than bash may split what is not quoted.
            is_same = is_plain and not (reader.is_posix and (value.unknown or name in ("declare", "typeset")))
            reader.assign(variable, assignment[1] if is_same else None, word)
        elif not is_plain:
            reader.variables.set(variable, None)
        if name == "export" or "x" in options:
            reader.variables.exported.add(variable)
        # Each later value is changed by them too.
        is_changing = bool({"i", "l", "u"} & set(options)) and name not in ("export", "readonly")
        if name == "readonly" or "r" in options or is_changing:
            reader.variables.read_only.add(variable)


def _read(reader: Reader, name: str, given: Words) -> bool | None:
    if name == "printf":
        if len(given) > 1 and given[0][1].text == "-v" and given[1][1].text.isidentifier():
            known = [value.value for _, value in given[2:]]
            content = printing.printed("printf", [each or "" for each in known]) if None not in known else None
            content = None if reader.is_posix else content
            reader.assign(given[1][1].text, content)
        return True
    for _, value in given:
        if value.value is None:
            reader.variables.blur()
        found = _NAME.findall(value.text) if name == "let" else [value.text, value.text[2:]]
        for each in expansion.names(found):
            reader.variables.set(each, None)
    return None


def _eval(reader: Reader, given: Words) -> None:
    known = [value.value for _, value in given]
    typed = " ".join(word.typed for word, _ in given)
    if all(each is not None for each in known):
        command = " ".join(each or "" for each in known)
        number = reader.line_of(reader.row).number
        lines = tuple(Line(each, number, exact=False) for each in command.split("\n"))
        reader.run_below(Text(reader.text.path, lines))
        return
    if "teleport.d" in typed:
        raise Unknowable(
            "`eval` may change the conf, which only running the script tells", reader.place, text.HERE_DOCUMENT
        )
    reader.variables.blur()


def _source(reader: Reader, given: Words) -> None:
    name = given[0][1].value if given else None
    path = reader.path(name) if name is not None else None
    if path in _RELEASE:
        for each in _OF_RELEASE:
            reader.variables.set(each, None)
        return
    content = reader.files.as_script(path) if path != reader.target else None
    if content is not None and not any(line.unknown for line in content.lines):
        arguments, known = reader.variables.arguments, tuple(value.text for _, value in given[1:])
        if known:
            is_sure = not reader.is_posix and all(value.value is not None for _, value in given[1:])
            reader.variables.set_arguments(known if is_sure else None)
        reader.run_below(content)
        if known:
            reader.variables.set_arguments(arguments)
    else:
        reader.variables.blur()


def _set(reader: Reader, given: Words) -> None:
    values = [value.value for _, value in given]
    position = 0
    while position < len(values):
        each = values[position]
        position += 1
        if each is None or not each.startswith(("-", "+")) or each in ("--", "-"):
            rest = values[position if each in ("--", "-") else position - 1 :]
            known = tuple(value for value in rest if value is not None)
            is_sure = len(known) == len(rest) and not reader.conditions
            reader.variables.set_arguments(known if is_sure else None)
            break
        letters = set(each[1:])
        if "o" in letters and position < len(values):
            letters = (letters - {"o"}) | {_LONG.get(values[position] or "", "")}
            position += 1
        if "n" in letters and each[0] == "-":
            raise Unknowable("after `set -n` the shell runs nothing", reader.place, "leave it out")
        if "|" in letters and reader.is_posix:
            # Not every shell has it, and some end where they do not.
            reader.files.may_end(reader.place)
        for letter in letters & {"e", "u", "C", "a", "|"}:
            is_on = each[0] == "-"
            if is_on or not reader.conditions:
                (reader.options.add if is_on else reader.options.discard)(letter)


_OTHERS = {"unset": _unset, "trap": _trap, "eval": _eval, "source": _source, ".": _source, "set": _set}
