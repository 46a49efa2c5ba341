"""The text format in which Prometheus, and node_exporter's textfile collector, read metrics: version 0.0.4.

See https://prometheus.io/docs/instrumenting/exposition_formats/. Everything here is a gauge, without a timestamp.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from teleport_bootstrap import display
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class Sample:
    """A value, and the labels that tell it from others of its metric."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """A metric: its name, what it says, and its samples; without samples, it is left out."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def text(metrics: Iterable[Metric]) -> str:
    """Return the metrics as a text, which ends with a line feed."""
    return "".join(f"{line}\n" for each in metrics if each.samples for line in _lines(each))


def _lines(metric: Metric) -> Iterable[str]:
    yield f"# HELP {metric.name} {_escaped(metric.help)}"
    yield f"# TYPE {metric.name} gauge"
    for sample in metric.samples:
        labels = ",".join(f'{name}="{_label(value)}"' for name, value in sorted(sample.labels.items()))
        yield f"{metric.name}{'{' + labels + '}' if labels else ''} {_number(sample.value)}"


def _label(value: str) -> str:
    """Return a value of a label: without secrets, and with what cannot be seen written as text."""
    # What cannot be encoded would be escaped in a way that Prometheus does not read.
    shown = display.line(value.encode("utf-8", "replace").decode("utf-8"))
    return _escaped(shown).replace('"', '\\"')


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
