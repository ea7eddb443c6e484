"""Certificates are compared, whatever stands between them."""

from hooks.migration.certificates import in_pem

ONE = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----"
TWO = ONE.replace("YQ==", "Yg==")


def test_neither_order_nor_remarks_nor_spaces_matter() -> None:
    assert (
        in_pem(f"# A remark.\n{TWO}\n\n{ONE}\n{ONE}\n") == in_pem(f"{ONE}\n{TWO}") == {b"a", b"b"}
    )


def test_a_text_with_something_else_in_it_has_no_certificates() -> None:
    assert in_pem(f"{ONE}\n{TWO.replace('CERTIFICATE', 'PRIVATE KEY')}") == frozenset()
    assert in_pem(ONE.replace("YQ==", "Y")) == frozenset()
