from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.upstream.http1 import (
    _BLOCKS,
    HttpRequest,
    Origin,
    ProxyAddress,
    Text,
    authority_of,
    encode_head,
    parse_proxy,
    parse_url,
)

HERE = Origin("https", "api.example.com", 443)


def lines_of(*headers: tuple[Text, Text], body: bytes = b"{}") -> list[bytes]:
    """The head's lines after the request line and the Host header."""
    head = encode_head(HttpRequest("POST", HERE, "/v1", headers, body))
    assert head.endswith(b"\r\n\r\n")
    return head.split(b"\r\n")[2:-2]


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://api.example.com/v1/x?a=b", Origin("https", "api.example.com", 443), "/v1/x?a=b"),
        ("HTTP://API.Example.COM", Origin("http", "api.example.com", 80), "/"),
        ("http://a:8080?x=1#frag", Origin("http", "a", 8080), "/?x=1"),
        ("http://[::1]:81/x", Origin("http", "::1", 81), "/x"),
        ("http://[2001:DB8:0::1]/", Origin("http", "2001:db8::1", 80), "/"),
        ("http://10.0.0.1/%2e%2E/%7B", Origin("http", "10.0.0.1", 80), "/%2e%2E/%7B"),
        ("https://bücher.example/ü", Origin("https", "xn--bcher-kva.example", 443), "/%C3%BC"),
        ("http://snake_case.local/", Origin("http", "snake_case.local", 80), "/"),
        ("http://host./x", Origin("http", "host.", 80), "/x"),
    ],
)
def test_url_is_taken_apart(url: str, origin: Origin, target: str) -> None:
    assert parse_url(url) == (origin, target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/v1",
        "/v1",
        "ftp://a/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://user@a/",
        "http://user:secret@a/",
        "http://a b/",
        "http://a/\t",
        "http://a/\r\nX: 1",
        "http://a\x00/",
        "http://8.8.8.8\\@127.0.0.1/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:x/",
        "http://a:/:/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[fe80::1%25eth0]/",
        "http://[localhost]/",
        "http://a..b/",
        "http://.a/",
        "http://-a/",
        "http://a%2eb/",
        "http://" + "a" * 64 + "/",
        "http://" + "a." * 127 + "a/",
        "http://\ud800/",
    ],
)
def test_any_other_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(RelayError, match="the URL") as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)
    assert caught.value.failure.code == "invalid_url"


@given(st.text(max_size=60))
def test_whatever_is_accepted_holds_nothing_that_ends_a_line(text: str) -> None:
    for url in (f"http://{text}", f"http://a/{text}", f"http://a?{text}"):
        try:
            origin, target = parse_url(url)
        except RelayError:
            continue
        head = encode_head(HttpRequest("GET", origin, target, (), b""))
        assert head.count(b"\r\n") == 4
        assert head.count(b" HTTP/1.1\r\nhost: ") == 1


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://p:3128", ProxyAddress("http", "p", 3128, "", "")),
        ("https://p", ProxyAddress("https", "p", 443, "", "")),
        ("socks5://p/", ProxyAddress("socks5", "p", 1080, "", "")),
        ("socks5h://u%40x:p%3Aw@[::1]:9", ProxyAddress("socks5h", "::1", 9, "u@x", "p:w")),
    ],
)
def test_proxy_url_is_taken_apart(url: str, proxy: ProxyAddress) -> None:
    assert parse_proxy(url) == proxy


@pytest.mark.parametrize("url", ["socks4://p", "p:3128", "http://user:secret@", "http://a b"])
def test_any_other_proxy_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(RelayError, match="URL") as caught:
        parse_proxy(url)
    assert "secret" not in str(caught.value)


def test_host_header_leaves_out_the_usual_port() -> None:
    assert authority_of("a", 443, 443) == "a"
    assert authority_of("a", 8443, 443) == "a:8443"
    assert authority_of("::1", 443, 443) == "[::1]"
    assert authority_of("::1", 443) == "[::1]:443"


def test_headers_are_written_in_lower_case_and_in_order() -> None:
    assert lines_of(("B", "1"), (b"A", b"2"), ("b", "\xe9")) == [
        b"b: 1",
        b"a: 2",
        b"b: \xe9",
        b"accept-encoding: identity",
        b"content-length: 2",
    ]


def test_compression_is_asked_for_only_by_who_wants_it() -> None:
    assert lines_of(("Accept-Encoding", "gzip")) == [b"accept-encoding: gzip", b"content-length: 2"]


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_headers_of_the_connection_are_ours(name: str) -> None:
    assert lines_of((name, "x")) == lines_of()


def test_request_without_a_body_has_no_length_unless_one_is_expected() -> None:
    assert b"content-length" not in encode_head(HttpRequest("GET", HERE, "/", (), b""))
    assert b"content-length: 0\r\n" in encode_head(HttpRequest("POST", HERE, "/", (), b""))


@pytest.mark.parametrize(
    "header",
    [
        ("x", "secret\r\nY: 1"),
        ("x", "secret\n"),
        ("x", b"secret\x00"),
        ("x", "secret \u4f60"),
        ("x y", "secret"),
        ("x:", "secret"),
        ("", "secret"),
        ("\xfc", "secret"),
        (b"x\r\ny", b"secret"),
    ],
)
def test_header_that_http_does_not_allow_is_refused_without_its_value(
    header: tuple[Text, Text],
) -> None:
    with pytest.raises(RelayError) as caught:
        lines_of(header)
    failure = caught.value.failure
    assert (failure.kind, failure.code) == (FailureKind.UPSTREAM_REJECTED, "invalid_header")
    assert "secret" not in failure.message
    assert failure.message.isprintable()


@pytest.mark.parametrize("target", ["/a b", "/a\r\nb", "/\xe9", "/\\"])
def test_target_that_http_does_not_allow_is_refused(target: str) -> None:
    with pytest.raises(RelayError):
        encode_head(HttpRequest("POST", HERE, target, (), b""))


def test_plain_request_by_an_http_proxy_names_its_origin() -> None:
    origin = Origin("http", "a", 8080, "http://u:p@proxy:3128")
    head = encode_head(HttpRequest("GET", origin, "/x", (), b""))
    assert head == (
        b"GET http://a:8080/x HTTP/1.1\r\nhost: a:8080\r\nproxy-authorization: Basic dTpw\r\n"
        b"accept-encoding: identity\r\n\r\n"
    )


@pytest.mark.parametrize(
    "origin",
    [
        Origin("https", "a", 8080, "http://u:p@proxy:3128"),
        Origin("http", "a", 8080, "socks5://u:p@proxy"),
    ],
)
def test_request_through_a_tunnel_is_like_any_other(origin: Origin) -> None:
    through = encode_head(HttpRequest("GET", origin, "/x", (), b""))
    assert through == encode_head(HttpRequest("GET", origin._replace(proxy=None), "/x", (), b""))


def test_large_headers_of_callers_are_not_kept() -> None:
    known = len(_BLOCKS)
    assert lines_of(("x-caller", "a" * 30_000))[0] == b"x-caller: " + b"a" * 30_000
    assert len(_BLOCKS) == known
    for _ in range(2):
        assert lines_of(("x-caller", "never seen before"))[0] == b"x-caller: never seen before"
    assert len(_BLOCKS) == known + 1
