"""What counts as JSON, YAML and PEM, and what is said where it is none."""

import base64

import pytest

from tests.hostile_contents import TOO_COSTLY, TOO_DEEP
from tests.validating import problem

UNKNOWN_BLOCK = (
    "is not PEM, because a block is empty or has an unknown name (line 1, column 1); correct it"
)


def _pem(label: str, body: str, *, end: str | None = None) -> str:
    return f"-----BEGIN {label}-----\n{body}\n-----END {end or label}-----\n"


def _der(length: int) -> str:
    """The base64 of a value in DER with so many bytes in it."""
    head = bytes([0x30, length]) if length < 128 else b"\x30\x82" + length.to_bytes(2, "big")
    return base64.b64encode(head + b"\x01" * length).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2.5e3, true, null, "\\u00e9{"]}', None),
        ("1", None),
        ('{"a": {"b": 1}, "b": 1, "c": [{"b": 1}, {"b": 2}]}', None),
        ("1" * 5000, None),
        ("1e999", None),
        ("", "is not JSON (line 1, column 1); correct it"),
        ('{"a": 1,\n "b": }', "is not JSON (line 2, column 7); correct it"),
        ("[1, 2", "is not JSON (line 1, column 6); correct it"),
        ("1 2", "is not JSON (line 1, column 3); correct it"),
        ("]1", "is not JSON (line 1, column 1); correct it"),
        ('"a": 1', "is not JSON (line 1, column 4); correct it"),
        ('["NaN",\n NaN]', "is not JSON (line 2, column 2); correct it"),
        ('["a": 1, "a": 2]', "is not JSON (line 1, column 5); correct it"),
        (
            '{"a": [1], "b": 1, "b": 2}',
            "is not JSON, because a key is there twice (line 1, column 20); correct it",
        ),
        ("[-Infinity]", "is not JSON (line 1, column 2); correct it"),
        ("\n NaN", "is not JSON (line 2, column 2); correct it"),
        ("\n\n NaN", "is not JSON (line 3, column 2); correct it"),
        (
            '{"a": 1,\n "\\u0061": 2}',
            "is not JSON, because a key is there twice (line 2, column 2); correct it",
        ),
        ('{"\\x": 1}', "is not JSON (line 1, column 3); correct it"),
        ("[" * 65 + "]" * 65, TOO_DEEP),
        ("[" * 64 + "]" * 64, None),
        ("[" * 1_000_000, TOO_DEEP),
        ("[" + "0," * 500_000 + "0]", TOO_COSTLY),
    ],
)
def test_json_is_what_every_reader_takes_for_json(text: str, expected: str | None) -> None:
    assert problem(text, {"format": "JSON"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [x, {y: z}]\n", None),
        ("", None),
        ("a: 1\n---\nb: 2\n", None),
        ("a: &x {b: 1}\nc: *x\n<<: *x\n", None),
        ("a: !Ref b\n", None),
        ("a: 1\n b: 2\n", "is not YAML (line 2, column 3); correct it"),
        ("a:\n\t- b\n", "is not YAML (line 2, column 1); correct it"),
        ("a: [1, 2", "is not YAML (line 1, column 4); correct it"),
        ("[a, b}\n", "is not YAML (line 1, column 6); correct it"),
        (
            "a: 1\nb: 2\na: 3\n",
            "is not YAML, because a key is there twice (line 3, column 1); correct it",
        ),
        (
            "{a: 1}: 2\n",
            "is not YAML, because a key is a list or an object (line 1, column 1); correct it",
        ),
        (
            "a: &x [1]\n? *x\n: 2\n",
            "is not YAML, because a key is a list or an object (line 2, column 3); correct it",
        ),
        (
            "a: &x [*x]\n",
            "is not YAML, because an alias has no anchor before it (line 1, column 8); correct it",
        ),
        (
            "a: &x 1\n---\nb: *x\n",
            "is not YAML, because an alias has no anchor before it (line 3, column 4); correct it",
        ),
        (
            "{<<: {a: 1}, <<: {b: 1}}",
            "is not YAML, because a key is there twice (line 1, column 14); correct it",
        ),
        (
            "<<: 1\n",
            (
                "is not YAML, because what is merged with << is no object (line 1, column 5); "
                "correct it"
            ),
        ),
        (
            "<<: [{}, 1]\n",
            (
                "is not YAML, because what is merged with << is no object (line 1, column 11); "
                "correct it"
            ),
        ),
        (
            "ü: 1\na: \x00\n",
            "is not YAML, because a character is not allowed (line 2, column 4); correct it",
        ),
        ("[" * 64 + "]" * 64, None),
        ("[" * 65 + "]" * 65, TOO_DEEP),
        ("[" * 1_000_000, "is not YAML (line 1, column 1,001); correct it"),
        (
            "a: &a [*b]\n".replace("*b", "[" * 40 + "]" * 40) + "b: " + "[" * 30 + "*a" + "]" * 30,
            TOO_DEEP,
        ),
        (
            f"a: &a {'[' * 33}1{']' * 33}\nb: {'[' * 30}*a{']' * 30}\n",
            None,
        ),
        (
            f"a: &a {'[' * 33}1{']' * 33}\nb: {'[' * 31}*a{']' * 31}\n",
            TOO_DEEP,
        ),
        ("".join(f"%TAG !{number}! tag:\n" for number in range(1_000)) + "--- a\n", None),
        ("".join(f"%TAG !{number}! tag:\n" for number in range(1_001)) + "--- a\n", TOO_COSTLY),
        ("%TAG ! tag:\n--- !a b", None),
    ],
)
def test_yaml_is_what_every_reader_takes_for_yaml(text: str, expected: str | None) -> None:
    assert problem(text, {"format": "YAML"}) == expected


def test_large_integers_are_exact() -> None:
    schema = {"uniqueItems": True}

    assert problem(f"[{10**299}, {10**299 + 1}]", {"format": "JSON", "schema": schema}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_pem("CERTIFICATE", _der(21)), None),
        (_pem("CERTIFICATE", _der(0)), None),
        (_pem("CERTIFICATE", f"{_der(300)[:64]} \n{_der(300)[64:]}"), None),
        (f"# first\n{_pem('CERTIFICATE', _der(300))}\n{_pem('PRIVATE KEY', _der(4))}", None),
        (_pem("CERTIFICATE", _der(20)).replace("\n", "\r\n"), None),
        (_pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA"), None),
        (_pem("OPENSSH PRIVATE KEY", "b3BlbnNzaA=="), None),
        ("", "is not PEM, because there is no block (line 1, column 1); correct it"),
        ("text", "is not PEM, because there is no block (line 1, column 1); correct it"),
        (
            "\n-----BEGIN CERTIFICATE-----\nMAA=\n",
            "is not PEM, because a block does not end (line 2, column 1); correct it",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n" * 30_000,
            "is not PEM, because a block does not end (line 1, column 1); correct it",
        ),
        (
            "-----END CERTIFICATE-----\n",
            "is not PEM, because a block ends that has not begun (line 1, column 1); correct it",
        ),
        (
            _pem("CERTIFICATE", _der(1), end="PRIVATE KEY"),
            "is not PEM, because a block ends with another name (line 1, column 1); correct it",
        ),
        (
            _pem("HUSH", _der(1)),
            UNKNOWN_BLOCK,
        ),
        (
            _pem("CERTIFICATE", "ü"),
            UNKNOWN_BLOCK,
        ),
        (
            _pem("CERTIFICATE", "MAA!"),
            "is not PEM, because a block is not base64 (line 2, column 1); correct it",
        ),
        (
            _pem("CERTIFICATE", "MA!A="),
            "is not PEM, because a block is not base64 (line 2, column 1); correct it",
        ),
        (
            _pem("CERTIFICATE", _der(300)[:-4]),
            "is not PEM, because a block is cut off or damaged (line 2, column 1); correct it",
        ),
        (
            _pem("CERTIFICATE", ""),
            (
                "is not PEM, because a block is empty or has an unknown name (line 1, column 1); "
                "correct it"
            ),
        ),
        (
            _pem("CERTIFICATE", "MA=="),
            "is not PEM, because a block is cut off or damaged (line 2, column 1); correct it",
        ),
        (_pem("CERTIFICATE", _der(1)) * 30_000, TOO_COSTLY),
    ],
)
def test_pem_is_one_block_or_several_that_are_whole(text: str, expected: str | None) -> None:
    assert problem(text, {"format": "PEM"}) == expected


@pytest.mark.parametrize(
    ("text", "of_format", "expected"),
    [
        pytest.param(
            '"' + '\\"' * 500_000,
            "JSON",
            "is not JSON (line 1, column 1); correct it",
            id="quotes in a string without an end",
        ),
        pytest.param(
            _pem("HUSH", " -----BEGIN PRIVATE KEY-----\n" * 30_000),
            "PEM",
            "is not PEM, because a block does not end (line 1, column 1); correct it",
            id="blocks that begin in the middle of a line",
        ),
        pytest.param(
            f"<<: [{','.join(f'{{k{number}: 1}}' for number in range(35_000))}]",
            "YAML",
            None,
            id="many objects that are merged",
        ),
        pytest.param(
            f"%TAG !a! tag:{'x' * 500_000}\n---\n[{'!a!b ,' * 60_000}]",
            "YAML",
            TOO_COSTLY,
            id="a long tag of many nodes",
        ),
        *(
            pytest.param(f"{end}%FOO" * 100_000, "YAML", TOO_COSTLY, id=f"directives, {end!r}")
            for end in ("\n", "\r", "\x85", "\u2028", "\u2029")
        ),
    ],
)
def test_what_would_take_minutes_with_a_careless_parser(
    text: str, of_format: str, expected: str | None
) -> None:
    assert problem(text, {"format": of_format}) == expected


def test_of_objects_that_are_merged_the_first_has_a_key() -> None:
    schema = {"const": {"a": 1, "b": 2, "c": 3}}
    text = "<<: [{a: 1, b: 0}, {a: 9, c: 3}]\nb: 2"

    assert problem(text, {"format": "YAML", "schema": schema}) is None


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n"])
def test_yaml_without_a_document_is_null_to_a_schema(text: str) -> None:
    assert problem(text, {"format": "YAML"}) is None
    assert problem(text, {"format": "YAML", "schema": {"type": ["null"]}}) is None
    assert problem(text, {"format": "YAML", "schema": {"type": "object"}}) == (
        "does not satisfy type of the schema; correct it, or the schema"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None),
        ("null", None),
        ("", None),
        ("yes", True),
        ("Off", False),
        ("17", 17),
        ("-1_000", -1000),
        ("0x1F", 31),
        ("0b11", 3),
        ("017", 15),
        ("0x_", 0),
        ("1.0e+400", int(1.7976931348623157e308)),
        ("0", 0),
        ("1.0", 1),
        ("-1.5e+3", -1500),
        ("1.25", 1.25),
        ("1_000.5", 1000.5),
        ("1_.5", 1.5),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
        ("2001-12-14", "2001-12-14"),
        ("'17'", "17"),
        ("!!str 17", "17"),
        ("!!int 17", 17),
        ("! 17", "17"),
        ("9" * 400, "9" * 400),
        ("=", "="),
        ("word", "word"),
        ("&a word", "word"),
        ("[1, word]", [1, "word"]),
        ("{on: 1, 2: {}, ~: x}", {"on": 1, "2": {}, "~": "x"}),
        ("{a: &a {b: 1, c: 2}, d: {<<: *a, c: 3}}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("{<<: [{a: 1}, {a: 2, b: 2}], c: 3}", {"a": 1, "b": 2, "c": 3}),
        ("{'<<': {a: 1}}", {"<<": {"a": 1}}),
        ("{<<: {a: 1}, '<<': 1, a: 2}", {"<<": 1, "a": 2}),
        ("{&k key: 1, *k : 2}", ...),
    ],
)
def test_what_yaml_means_is_compared_with_the_schema(text: str, value: object) -> None:
    if value is ...:
        assert problem(text, {"format": "YAML"}) == (
            "is not YAML, because a key is there twice (line 1, column 13); correct it"
        )
        return
    assert problem(f"--- {text}", {"format": "YAML", "schema": {"const": value}}) is None
    assert problem(f"--- {text}", {"format": "YAML", "schema": {"not": {"const": value}}}) == (
        "does not satisfy not of the schema; correct it, or the schema"
    )


def test_an_alias_can_be_a_key() -> None:
    schema = {"const": {"a": "b", "b": 1}}

    assert problem("{a: &x b, *x : 1}", {"format": "YAML", "schema": schema}) is None
    schema = {"const": {"1": 1, "2": {"1": 1}}}
    assert problem("{1: &x 1, 2: {*x : 1}}", {"format": "YAML", "schema": schema}) is None


def test_what_has_more_digits_than_a_number_may_have_is_a_string() -> None:
    rule = {"format": "YAML", "schema": {"type": "integer"}}

    assert problem("9" * 300, rule) is None
    assert problem("9" * 301, rule) == (
        "does not satisfy type of the schema; correct it, or the schema"
    )
