"""What confirms a held change confirms no other one."""

import dataclasses

from msgspec import UNSET

from tests.cases import Case, cases
from tests.cases.asking import answer_to


def case_of(name: str, uid: str) -> Case:
    (found,) = (case for case in cases() if str(case) == f"sync/{name}")
    parent = found.request["parent"]
    request = found.request | {"parent": parent | {"metadata": parent["metadata"] | {"uid": uid}}}
    return dataclasses.replace(found, request=request)


def test_the_token_of_an_edit_that_leaves_no_target_is_of_one_syncer_alone() -> None:
    name = "edit-that-leaves-no-target-is-held"
    tokens = {
        answer_to(case_of(name, uid)).decoded["status"].get("pruneToken", UNSET)
        for uid in ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b")
    }

    assert len(tokens - {UNSET}) == 2
