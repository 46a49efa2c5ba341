"""Fifty backups of a database that is written to all the time: each is what was committed at one moment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import backup
from teleport_bootstrap.paths import Root
from tests.simulated import backing_up, hammer
from tests.simulated.agent import needs_root
from tests.simulated.backing_up import SERVICE_UID, made, unpacked
from tests.simulated_ec2 import imds as emulator

BACKUPS_MADE = 50


@needs_root
def test_fifty_backups_under_a_hammering_writer_are_good_and_plain_tars_of_the_same_moments_are_not(
    tmp_path: Path, imds: emulator.Server
) -> None:
    backing_up.prepared(tmp_path / "prepared")
    agent = backing_up.copied(tmp_path / "prepared", tmp_path / "root", imds)
    backend = agent.path("/var/lib/teleport/backend")
    (backend / "sqlite.db").unlink()
    root = Root(str(agent.root))
    doors = gather.Doors(root, agent.environment(), 20.0)
    target = f"{tmp_path}/one.tar.gz"
    wishes = backup.Wishes(destination.parse(target, root))
    torn = []
    with hammer.hammering(backend / "sqlite.db", tmp_path / "log", uid=SERVICE_UID) as writer:
        for number in range(BACKUPS_MADE):
            before = writer.committed()
            # Some as a whole process, and all as the command does it.
            place = made(agent, target)["archive"] if number % 10 == 0 else backup.run(doors, wishes).place
            after = writer.committed() + 1
            torn.append(hammer.look(hammer.copied_raw(backend, tmp_path / "raw")).wrong)
            restored = unpacked(place, tmp_path / "restored") / "var/lib/teleport/backend/sqlite.db"
            assert os.listdir(restored.parent) == ["sqlite.db"]
            seen = hammer.look(restored)
            assert not seen.wrong, number
            assert before <= seen.last <= after, number
            for path in ("raw", "restored"):
                shutil.rmtree(tmp_path / path)
            os.unlink(place)
    assert len([each for each in torn if each]) >= 2, "the writer writes too little for a plain tar to be torn"
