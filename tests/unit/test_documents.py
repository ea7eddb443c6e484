"""How documents are followed, and the pages that need no cluster."""

import pytest

from tests.documents import WITHOUT_A_CLUSTER, DocumentCommand, follow, shown_as, steps


@pytest.mark.parametrize("document", WITHOUT_A_CLUSTER)
def test_the_commands_of_a_page_without_a_cluster_print_what_it_shows(document: str) -> None:
    assert follow(document, {"MAKEFLAGS": "", "MAKELEVEL": ""}, {})


def test_only_what_is_equal_but_for_masks_and_omissions_counts_as_shown() -> None:
    shown = DocumentCommand("page", 1, "true", ("NAME   AGE", "...", "dev   3s   1"))
    assert shown_as(shown, "NAME AGE\nprod  5s\ndev  12m4s  1\n")
    assert not shown_as(shown, "NAME AGE\nprod  5s\ndev  12m4s  2\n")
    assert not shown_as(shown, "NAME AGE\ndev 3s 1\nprod 4s 1\n")
    assert not shown_as(DocumentCommand("page", 1, "true", ()), "something\n")


def test_commands_are_read_with_continuations_and_what_is_marked_is_left_out() -> None:
    text = """\
```console
$ one \\
    --more
printed

$ two
```
<!-- not run: needs a kubelet -->
```console
$ three
```
"""
    assert list(steps("page", text)) == [
        DocumentCommand("page", 2, "one \\\n    --more", ("printed",)),
        DocumentCommand("page", 6, "two", ()),
    ]
