from __future__ import annotations

from typing import Any

import pytest
import yaml
from msgspec import json

from bench.candidates import HERE
from bench.workloads import KEY, SLOW_STREAM, WORKLOADS, Workload
from headgate.lab.fast import WANTS_STREAM, fast_answer, writes_for
from headgate.lab.scripts.table import find

ALL = (*WORKLOADS, SLOW_STREAM)


def api_yaml() -> Any:
    return yaml.safe_load((HERE / "api.yaml").read_text(encoding="utf-8"))


def name_of(workload: Workload) -> str:
    return workload.name


@pytest.mark.parametrize("workload", ALL, ids=name_of)
def test_the_channel_of_a_workload_leads_where_the_plain_proxies_are_led(
    workload: Workload,
) -> None:
    addresses = [
        provider["base_url"]
        for provider in api_yaml()["providers"]
        if any(workload.model in model.values() for model in provider["model"])
    ]
    assert addresses[0] == "${LAB_URL}" + workload.upstream_path


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_the_lab_gives_the_proof_that_a_workload_waits_for(workload: Workload) -> None:
    answer = fast_answer(workload.upstream_path.encode())
    assert answer is not None
    writes = writes_for(answer, workload.body())
    assert workload.proof in b"".join(writes)
    assert (len(writes) > 1) is workload.stream


@pytest.mark.parametrize("workload", ALL, ids=name_of)
def test_a_body_asks_for_a_stream_where_the_workload_is_one(workload: Workload) -> None:
    assert json.decode(workload.body()).get("stream", False) is workload.stream
    assert any(flag in workload.body() for flag in WANTS_STREAM) is workload.stream


def test_the_long_prompt_is_fifty_kilobytes() -> None:
    (long,) = (workload for workload in WORKLOADS if workload.name == "json50k")
    assert 49_000 < len(long.body()) < 51_000


def test_the_lab_knows_the_slow_stream() -> None:
    assert find(SLOW_STREAM.upstream_path.split("/")[1]) is not None


def test_the_key_of_the_callers_is_in_the_configuration() -> None:
    assert KEY in [key["api"] for key in api_yaml()["api_keys"]]
