"""Lists that a service answers page by page: all of them, within one deadline and a bound."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.host import retry

Item = TypeVar("Item")

# More than a region of an account usually has of anything that is asked for.
MOST_PAGES = 50


def every(
    service: Service,
    action: str,
    resources: Sequence[str],
    *,
    read: Callable[[Any], Iterable[Item]],
    tokens: Mapping[str, str],
    missing: Collection[str] = (),
    goes_on: Callable[[Any], bool] = lambda answer: True,  # noqa: ARG005
    **parameters: Any,
) -> tuple[Item, ...]:
    """Return what `read` makes of each page of a request, see Service.call, one after the other.

    `tokens` maps the fields of an answer that say where the next page begins to the parameters that ask for it; the
    last page has none of them, or `goes_on` says that the next one has nothing to look at. The service's `wait_seconds`
    bound all pages together. Return nothing where AWS answers one of the codes `missing`.
    Raises AwsFailed where there are more than MOST_PAGES, or the service names the same next page again.
    """
    deadline = retry.Deadline(service.wait_seconds, service.clock)
    found: list[Item] = []
    more: dict[str, Any] = {}

    def page(answer: Any) -> tuple[list[Item], dict[str, Any]]:
        following = {tokens[name]: answer[name] for name in tokens if answer.get(name)} if goes_on(answer) else {}
        return list(read(answer)), following

    for _ in range(MOST_PAGES):
        before, request = more, {**parameters, **more}
        read_page = service.call(action, resources, deadline=deadline, read=page, missing=missing, **request)
        if read_page is None:
            return ()
        items, more = read_page
        found += items
        if not more:
            return tuple(found)
        if more == before:
            break
    raise errors.AwsFailed(
        f"{action} at {service.endpoint} has no end after {len(found)} entries",
        hint="There are more of them than this command reads: name what it should look at.",
    )
