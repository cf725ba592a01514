"""Answers that are errors: statuses, key-dependent ones, and errors that call themselves 200."""

from __future__ import annotations

from msgspec import json
from msgspec.structs import replace

from headgate.lab.plan import Headers, Plan, stream, whole
from headgate.lab.scripts.answers import greeting, hello, refuse, say, stream_type
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Fault, Question

HTML_TYPE = "text/html; charset=utf-8"
HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)
MESSAGES = {
    400: "The lab was told to call this request invalid.",
    401: "Incorrect API key provided.",
    403: "This key may not use this model.",
    404: "The model does not exist.",
    413: "The request is too large.",
    422: "The request could not be processed.",
    429: "Rate limit reached. Please try again in 20s.",
    500: "The lab was told to have an internal error.",
    503: "The lab was told to be unavailable.",
    529: "Overloaded",
}
# Texts by which gateways know that a 400 means something else.
BAD_KEY = Fault(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
TOO_LONG = Fault(400, "Please reduce the length of the messages or completion.")
UNPRICED = Fault(400, "The model has no price yet.", "new_api_error", "model_not_priced")
OVERLOADED = Fault(429, "Rate limit reached in the stream.", "requests", "rate_limit_exceeded")


def status(question: Question, number: float) -> Plan:
    """Refuse with a status, in the error shape of the wire."""
    code = int(number)
    return refuse(question, Fault(code, MESSAGES[code]))


def bad_key(question: Question, _number: float) -> Plan:
    """400 for a key that is not valid, as Gemini answers."""
    return refuse(question, BAD_KEY)


def too_long(question: Question, _number: float) -> Plan:
    """400 for a prompt beyond the model's context."""
    return refuse(question, TOO_LONG)


def unpriced(question: Question, _number: float) -> Plan:
    """400 of a gateway before the model, which has no price for it."""
    return refuse(question, UNPRICED)


def _throttle(question: Question, headers: Headers) -> Plan:
    plan = refuse(question, Fault(429, MESSAGES[429]))
    return replace(plan, headers=(*plan.headers, *headers))


def too_many(question: Question, number: float) -> Plan:
    """429 with Retry-After in seconds."""
    return _throttle(question, (("retry-after", str(int(number))),))


def too_many_date(question: Question, _number: float) -> Plan:
    """429 with Retry-After as a date, far in the future."""
    return _throttle(question, (("retry-after", "Fri, 31 Dec 2049 23:59:59 GMT"),))


def too_many_ms(question: Question, number: float) -> Plan:
    """429 with retry-after-ms, as Azure sends it."""
    return _throttle(question, (("retry-after-ms", str(int(number))),))


def too_many_bare(question: Question, _number: float) -> Plan:
    """429 without any hint."""
    return _throttle(question, ())


def too_many_negative(question: Question, _number: float) -> Plan:
    """429 with a Retry-After below zero."""
    return _throttle(question, (("retry-after", "-5"),))


def too_many_huge(question: Question, _number: float) -> Plan:
    """429 with a Retry-After of thirty years."""
    return _throttle(question, (("retry-after", "1000000000"),))


def html_502(_question: Question, _number: float) -> Plan:
    """502 with the HTML page of some proxy."""
    return whole(HTML, status=502, content_type=HTML_TYPE)


def html_200(_question: Question, _number: float) -> Plan:
    """The same page, with status 200."""
    return whole(HTML, content_type=HTML_TYPE)


def redirect(_question: Question, number: float) -> Plan:
    """Point elsewhere; nobody who holds a key may follow."""
    location = (("location", "http://127.0.0.1:9/stolen"),)
    return whole(b"", status=int(number), content_type="text/plain", extra=location)


def cool(question: Question, number: float) -> Plan:
    """Refuse credentials that begin with `bad`, and answer the others."""
    if not question.credential.startswith("bad"):
        return hello(question, number)
    return refuse(question, Fault(401, MESSAGES[401]))


def quota(question: Question, number: float) -> Plan:
    """Call the credential q1 used up, and answer the others."""
    if question.credential != "q1":
        return hello(question, number)
    message = "You exceeded your current quota, please check your plan and billing details."
    return refuse(question, Fault(403, message, "insufficient_quota", "insufficient_quota"))


def throttled(question: Question, _number: float) -> Plan:
    """429 that tells the wait only in its text."""
    message = "Rate limit reached. Please try again in 2500ms"
    return refuse(question, Fault(429, message, "requests", "rate_limit_exceeded"))


def error_200(question: Question, _number: float) -> Plan:
    """An error with status 200: the JSON body, or the first event of the stream."""
    wire = WIRES[question.wire]
    if not question.stream:
        return whole(wire.error(OVERLOADED))
    if question.as_array:
        return whole(b"[" + wire.error(OVERLOADED) + b"]")
    return stream([wire.error_frame(question, OVERLOADED)], wire.stream_type)


def error_200_json(question: Question, _number: float) -> Plan:
    """An error with status 200 as a JSON body, even where a stream was asked for."""
    return whole(WIRES[question.wire].error(OVERLOADED))


def error_200_late(question: Question, number: float) -> Plan:
    """An error event in mid-stream, after some content."""
    if not question.stream or question.operation != "chat":
        return error_200(question, number)
    wire = WIRES[question.wire]
    frames = wire.frames(question, say(question, greeting(question)))
    closing = [b"]"] if question.as_array else []
    half = len(frames) // 2
    pieces = [*frames[:half], wire.error_frame(question, OVERLOADED), *closing]
    return stream(pieces, stream_type(question))


def not_offered(path: str) -> Plan:
    """404 for a path that is no operation of the lab."""
    message = f"The lab offers nothing at {path}. See `headgate lab --list`."
    return whole(json.encode({"error": {"message": message, "type": "lab_error"}}), status=404)
