"""Handshake vectors, request targets, answers: what leaves and what comes, byte by byte."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mt4bridge.errors import (
    BY_CODE,
    AddressBlocked,
    AmountTooLarge,
    BridgeError,
    InvalidParameters,
    MalformedAnswer,
    NoPermission,
    NotEnoughMoney,
    NotFound,
    Refused,
    ServerTroubled,
    SignInRefused,
    TooFrequent,
    WeakPassword,
    refused,
)
from mt4bridge.simulator.http import unescaped
from mt4bridge.webapi import wire

pytestmark = pytest.mark.unit


def test_the_proof_of_the_password_is_the_known_answer() -> None:
    key = wire.password_key("Password1")

    assert wire.answer_to(key, "73007dc7184747ce0f7c98516ef1c851") == "77fe51827f7fa69dd80fbec9aa33f1bb"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "/x"),
        ({"a": 1, "b": "two words"}, "/x?a=1&b=two%20words"),
        ({"group": "real\\std"}, "/x?group=real%5C%5Cstd"),
        ({"group": "demo*,!demo forex"}, "/x?group=demo%2A%2C%21demo%20forex"),
        ({"comment": "a|b=c&d+é"}, "/x?comment=a%5C%7Cb%3Dc%26d%2B%C3%A9"),
    ],
)
def test_parameters_are_escaped_for_the_server(params: wire.Params, expected: str) -> None:
    assert wire.target("/x", params) == expected


@given(st.text(alphabet="ab\\|= \n&%+é", max_size=12))
@example("real\\=x")
def test_what_the_server_unescapes_is_what_was_meant(text: str) -> None:
    assert unescaped(wire._escaped(text)) == text


def test_numbers_of_an_answer_stay_text() -> None:
    answer = wire.parse_answer(
        "/x", b'{"retcode":"0 Done","answer":[{"Price":1.10000000000000009,"Login":12,"S":"7"}]}'
    )

    assert answer["answer"] == [{"Price": "1.10000000000000009", "Login": "12", "S": "7"}]


def test_done_without_data_is_no_error() -> None:
    assert wire.rows_of("/x", wire.parse_answer("/x", b'{"retcode":"1 Done, no data"}')) == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"7", b'{"retcode":0}x', b'{"answer":[]}', b'{"retcode":null}',
        b'{"retcode":"Done"}',
        b'{"retcode":"-1 x"}', b'{"retcode":""}', b"\xff\xfe", b"<html>502 Bad Gateway</html>",
        b'{"retcode":"99999999999999999999 x"}',
    ],
)  # fmt: skip
def test_anything_but_an_answer_is_a_malformed_answer(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        wire.parse_answer("/x", body)


def test_a_bottomless_answer_is_a_malformed_answer() -> None:
    with pytest.raises(MalformedAnswer):
        wire.parse_answer("/x", b"[" * 100_000)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (3, InvalidParameters), (8, NoPermission), (9, ServerTroubled), (12, TooFrequent), (13, NotFound),
        (1012, AddressBlocked), (1007, SignInRefused), (1018, TooFrequent), (3006, WeakPassword),
        (4005, AmountTooLarge), (6001, NotFound),
        (10012, ServerTroubled), (10019, NotEnoughMoney), (10024, TooFrequent), (2007, Refused), (77_777, Refused),
    ],
)  # fmt: skip
def test_return_codes_become_named_errors(code: int, kind: type[Refused]) -> None:
    with pytest.raises(Refused) as caught:
        wire.parse_answer("/x", b'{"retcode":"%d Because"}' % code)

    assert type(caught.value) is kind
    assert caught.value.retcode == code
    assert "Because" in str(caught.value)


def test_every_error_has_a_code_of_its_own_and_a_sentence_that_takes_its_fields() -> None:
    sentences = {
        code: str(kind(**dict.fromkeys(re.findall(r"%\((\w+)\)s", kind.message), "x")))
        for code, kind in BY_CODE.items()
    }

    assert len(sentences) == len(set(sentences.values())) >= 20
    assert all(sentence.endswith(".") and "%(" not in sentence for sentence in sentences.values())


def test_errors_survive_pickling_between_processes() -> None:
    import pickle

    error = refused(path="/x", retcode=10019, text="No money")

    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 -- our own bytes


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    try:
        answer = wire.parse_answer("/x", body)
        wire.rows_of("/x", answer)
        wire.object_of("/x", answer)
    except BridgeError:
        pass
