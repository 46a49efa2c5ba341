"""A command as it is called: its words with what becomes of them, without `sudo` and the like before it."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap.hints import TYPE_CHECKING, NamedTuple
from teleport_bootstrap.user_data import syntax_tree, text
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.text import Unknowable
from teleport_bootstrap.user_data.words import Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

# They run the command that follows, and these of their options take a word.
_PREFIXES = {
    "sudo": "-u -g -h -p -C -r -t -D -R -T -U --user --group",
    "env": "-u -C --unset --chdir",
    "nice": "-n --adjustment",
    "ionice": "-c -n -p",
    "timeout": "-s -k --signal --kill-after",
    **dict.fromkeys(("command", "builtin", "nohup", "setsid", "time", "stdbuf", "unbuffer", "exec"), "-a -o -e -i"),
}


# With one of these options first, they run nothing, or take variables away.
_OTHERWISE = {"command": ("-v", "-V"), "env": ("-i", "-u", "--ignore", "--unset"), "sudo": ("-l", "-v", "-k", "-K")}


class Call(NamedTuple):
    """A command: its words with what becomes of them, and the variables that are set for it alone."""

    words: tuple[tuple[Word, Expanded], ...]
    command: syntax_tree.Simple
    environment: Mapping[str, str | None]

    @property
    def name(self) -> str | None:
        """The name of the command, without directories; None where it is not known."""
        found = self.words[0][1].value if self.words else None
        return found.rpartition("/")[2] if found is not None and found.startswith(("/bin/", "/usr/")) else found

    def after(self, number: int) -> Call:
        """Return the command without its first words."""
        return self._replace(words=self.words[number:])


def without_prefixes(reader: Reader, call: Call) -> Call:
    """Return the command that `sudo`, `env` and the like run."""
    while call.words and (options := _PREFIXES.get(call.name or "")) is not None:
        name, with_word = call.name, options.split()
        if len(call.words) > 1 and call.words[1][0].typed.startswith(_OTHERWISE.get(name or "", ("\0",))):
            break
        call = call.after(1)
        while call.words:
            word = call.words[0][1].value or call.words[0][0].typed
            if word in with_word:
                call = call.after(2)
            elif name in ("sudo", "env") and (assignment := reader.assignment(call.words[0][0])) is not None:
                call = call.after(1)._replace(environment={**call.environment, assignment[0]: assignment[1]})
            elif word.startswith("-"):
                call = call.after(1)
            else:
                break
        if name == "timeout" and call.words:
            call = call.after(1)
    return call


def check_mentions(reader: Reader, call: Call) -> None:
    """Raise Unknowable where a program that is not followed has the conf, or what may be it, among its arguments."""
    for word, each in call.words[1:]:
        known = each.value
        is_path = known is not None and reader.files.may_be_conf(reader.path(known) if known else None, "")
        if is_path or "teleport.d" in (word.typed if known is None else known):
            what = f"`{text.short(call.words[0][0].typed)}` may change the conf, which only running the script tells"
            raise Unknowable(what, reader.place, "write the values themselves into the conf")
