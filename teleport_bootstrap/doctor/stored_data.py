"""The checks of what is stored in AWS: parameters, tables, buckets, backups."""

from __future__ import annotations

from teleport_bootstrap.doctor.backups import age, room
from teleport_bootstrap.doctor.buckets import certificate, lifecycle, protection
from teleport_bootstrap.doctor.buckets import existence as bucket_existence
from teleport_bootstrap.doctor.check import Check
from teleport_bootstrap.doctor.parameters import (
    encryption,
    parameter_types,
    published_pins,
    reading,
    tiers,
    token_age,
)
from teleport_bootstrap.doctor.parameters import existence as parameter_existence
from teleport_bootstrap.doctor.tables import (
    audit_log,
    billing,
    events_index,
    expiry,
    keys,
    lock_holder,
    recovery,
    stream,
)
from teleport_bootstrap.doctor.tables import existence as table_existence

CHECKS: tuple[Check, ...] = (
    parameter_existence.CHECK,
    *reading.CHECKS,
    parameter_types.CHECK,
    tiers.CHECK,
    *encryption.CHECKS,
    token_age.CHECK,
    published_pins.CHECK,
    *table_existence.CHECKS,
    *keys.CHECKS,
    stream.CHECK,
    *expiry.CHECKS,
    events_index.CHECK,
    billing.CHECK,
    recovery.CHECK,
    lock_holder.CHECK,
    *audit_log.CHECKS,
    *bucket_existence.CHECKS,
    *protection.CHECKS,
    lifecycle.CHECK,
    *certificate.CHECKS,
    age.CHECK,
    room.CHECK,
)
