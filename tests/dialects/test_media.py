from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.media import (
    audio_format,
    audio_source,
    is_video,
    source_of_url,
    url_of_source,
    video_type,
)
from headgate.ir.request import Inline, Remote

types = st.from_regex(r"[a-z]{1,8}/[a-z0-9.+-]{1,8}", fullmatch=True)


@given(types, st.binary(max_size=20))
def test_inline_media_survive_as_a_data_url(media_type: str, data: bytes) -> None:
    source = Inline(media_type, data.hex())
    assert source_of_url(url_of_source(source)) == source


def test_a_link_stays_a_link() -> None:
    url = "https://a.example/b.png?c=data:,base64"
    assert source_of_url(url) == Remote(url)
    assert url_of_source(Remote(url)) == url


def test_a_data_url_may_be_written_in_capitals_or_with_parameters() -> None:
    assert source_of_url("DATA:image/png;base64,AA") == Inline("image/png", "AA")
    assert source_of_url("data:text/plain;charset=utf-8;base64,AA") == Inline("text/plain", "AA")


def test_a_data_url_that_is_not_base64_is_left_alone() -> None:
    assert source_of_url("data:,hello") == Remote("data:,hello")


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "opus", "pcm16"])
def test_audio_formats_come_back_by_their_own_name(form: str) -> None:
    source = audio_source("AAAA", form)
    assert isinstance(source, Inline)
    assert audio_format(source.media_type) == form


def test_audio_may_be_behind_a_link() -> None:
    assert audio_source("https://a.example/b.mp3", "mp3") == Remote(
        "https://a.example/b.mp3", "audio/mpeg"
    )


def test_a_video_is_known_by_its_name_or_taken_for_the_usual_kind() -> None:
    assert video_type("https://a.example/b.webm?x=1") == "video/webm"
    assert video_type("https://a.example/b") == "video/mp4"
    assert is_video(Inline("video/webm", "AA"))
    assert not is_video(Inline("application/pdf", "AA"))
