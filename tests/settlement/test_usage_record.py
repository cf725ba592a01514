"""What a record holds, and what it leaves out when there is nothing to say."""

import msgspec

from headgate.base.money import NanoUsd
from headgate.ir.usage import Usage
from headgate.settlement.usage_record import AttemptRecord, UsageRecord


def record() -> UsageRecord:
    return UsageRecord(
        request_id="r1",
        at_s=1.0,
        key_id="key1",
        operation="chat",
        dialect="openai_chat",
        model="gpt",
        outcome="done",
        status=200,
    )


def test_fields_without_a_value_are_not_written() -> None:
    assert set(msgspec.to_builtins(record())) == {
        *("request_id", "at_s", "key_id", "operation", "dialect", "model", "outcome", "status"),
    }


def test_nothing_is_charged_unless_said() -> None:
    assert (record().cost, record().usage_source) == (0, "none")


def test_record_survives_its_writing() -> None:
    full = msgspec.structs.replace(
        record(),
        attempts=(AttemptRecord(channel="a", credential="f00", model="gpt", status=500),),
        usage=Usage(input=3, output=4),
        usage_source="reported",
        cost=NanoUsd(12),
    )
    assert msgspec.json.decode(msgspec.json.encode(full), type=UsageRecord) == full
