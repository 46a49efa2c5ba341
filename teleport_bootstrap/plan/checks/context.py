"""The document under check: what Teleport would read in it, and findings about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from teleport_bootstrap.conf import deployment
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import overrides, provenance, services, teleport_build
from teleport_bootstrap.plan import words as words_of_teleport
from teleport_bootstrap.records import dataclass

# What is wrong with a text or a list where Teleport expects a mapping, and the remedy.
NOT_A_MAPPING = ("this is not a mapping of keys to values", "write the keys below it, indented")


def texts(value: Any) -> list[str]:
    """Return the strings of a field that may be one string or a list of strings."""
    return [str(each) for each in (value if isinstance(value, list) else [value]) if each is not None]


@dataclass(frozen=True)
class Context:
    """A document as a tree of sourced values and as plain ones, what overrides removed, and what it is for.

    `code` is the code of the findings that it makes.
    """

    tree: dict[str, Any]
    document: dict[str, Any]
    build: teleport_build.TeleportBuild
    deployment: deployment.Deployment
    removed: Sequence[overrides.Removed]
    code: str

    def get(self, *path: str | int) -> Any:
        """Return the plain value at `path`, None where there is none."""
        return provenance.value_at(self.document, path)

    def has(self, *path: str | int) -> bool:
        """Whether something other than null is written at `path`."""
        return self.get(*path) is not None

    def mapping(self, *path: str | int) -> dict[str, Any]:
        """Return the mapping at `path`, an empty one where there is none."""
        found = self.get(*path)
        return found if isinstance(found, dict) else {}

    def items(self, *path: str | int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield index and content of each mapping in the list at `path`."""
        found = self.get(*path)
        for index, item in enumerate(found if isinstance(found, list) else ()):
            if isinstance(item, dict):
                yield index, item

    def enabled(self, service: str) -> bool:
        """Whether Teleport runs `service`."""
        return services.runs(self.document, service)

    def origins(self, *path: str | int) -> tuple[provenance.Origin, ...]:
        """Return where the value at `path` came from, or what removed it, or else where its section came from."""
        for removed in self.removed:
            if path[: len(removed.path)] == removed.path and not self.has(*removed.path):
                return (provenance.Origin(f"removed by {removed.origin}", removed.origin.place),)
        return provenance.origins(self.tree, path)

    def error(self, path: provenance.Path, message: str, remedy: str, *also: provenance.Path) -> Finding:
        """Return what stops Teleport, or what it cannot work with; what is at `also` may be the cause, too."""
        return self._finding(ERROR, message, remedy, path, *also)

    def warning(self, path: provenance.Path, message: str, remedy: str) -> Finding:
        """Return what Teleport accepts and the operator should know."""
        return self._finding(WARNING, message, remedy, path)

    def own_rule(self, path: provenance.Path, message: str, why: str, remedy: str) -> Finding:
        """Return what Teleport would start with and this program refuses, because of `why`."""
        return self.error(path, f"{message}: Teleport itself accepts it, teleport-bootstrap does not, {why}", remedy)

    def missing(self, path: provenance.Path, remedy: str, why: str = "") -> Finding:
        """Return that a key is missing which Teleport needs."""
        return self.error(path, f"missing; {why}" if why else "missing", remedy)

    def unknown(self, path: provenance.Path, right: str) -> Finding:
        """Return that the key or section at `path` has another name: `right`."""
        return self.error(path, "Teleport does not know this key here and would not start", f"write {right}")

    def excluded(self, path: provenance.Path, other: str) -> Finding:
        """Return that the key at `path` cannot be used together with `other`."""
        return self.error(path, f"Teleport accepts either {path[-1]} or {other}, not both", "delete one with null")

    def one_of(
        self, path: provenance.Path, value: object, words: Collection[str], remedy: str = ""
    ) -> Iterator[Finding]:
        """Yield an error where there is a value at `path` which is none of `words`."""
        if value is not None and str(value) not in words:
            yield self.error(path, f"Teleport does not accept {value!s}", remedy or f"use one of {', '.join(words)}")

    def word(
        self, path: provenance.Path, words: words_of_teleport.Words, value: object = None, remedy: str = ""
    ) -> Iterator[Finding]:
        """Yield a finding where `value`, by default what is at `path`, is none that Teleport takes there.

        It is an error where Teleport certainly refuses the word, and a warning where that depends on its release.
        """
        written = self.get(*path) if value is None else value
        if written is None or written == "":
            return
        verdict = words.judge(written, self.build)
        if verdict is not None:
            report = self.error if verdict.certain else self.warning
            yield report(path, verdict.message, remedy or verdict.remedy)

    def certain_through(self, newest: int) -> Callable[[provenance.Path, str, str], Finding]:
        """Return what reports a rule that was checked up to the major `newest`: an error, a warning for newer ones."""
        return self.error if self.build.major <= newest else self.warning

    def _finding(self, severity: str, message: str, remedy: str, *paths: provenance.Path) -> Finding:
        """Return a finding about the value at the first path: its place is the first origin, the text names others."""
        subject = provenance.dotted(paths[0])
        named = dict.fromkeys(origin for path in paths for origin in self.origins(*path))
        origins = [origin for origin in named if origin != provenance.DEFAULT] or [provenance.DEFAULT]
        place = next((each.place for each in origins if each.place is not None), None)
        others = ", ".join(str(each) for each in origins if each.place is None or each.place != place)
        message = f"{subject}: {message}" + (f"; {'also ' if place else ''}from {others}" if others else "")
        return Finding(severity, self.code, subject, message, remedy, place)
