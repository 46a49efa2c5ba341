"""Checks of different modules do not get each other's answers."""

from __future__ import annotations

from teleport_bootstrap import paths
from teleport_bootstrap.doctor.subject import BackupPlace, Subject
from teleport_bootstrap.instance import gather


def _no_place() -> BackupPlace:
    raise AssertionError


def test_the_same_word_of_two_modules_means_two_things() -> None:
    subject = Subject(gather.Doors(paths.Root("/nowhere"), {}), _no_place)

    def one() -> int:
        return 1

    def other() -> int:
        return 2

    other.__module__ = "another.module"
    assert [subject.once("word", each) for each in (one, other, one, other)] == [1, 2, 1, 2]
