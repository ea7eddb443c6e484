"""What `make e2e-short` runs: the tests that say most about another version, in about a minute.

Everything runs on one version of Kubernetes. On the others these do: what a newcomer follows,
whether the API server takes our definition and refuses what it should, whether Metacontroller's
rights are enough, and the scenarios in which a copy is made, repaired, replaced, held and deleted.
"""

from collections.abc import Collection, Mapping
from typing import Final

_STRATEGY: Final = "server-side-apply"
_DOCUMENTS: Final = ("README.md", "docs/drift-and-conflicts.md")
_STORIES: Final = (
    "change-of-the-source-reaches-every-copy",
    "copy-stripped-of-its-owner-or-labels-is-put-back",
    "held-change-goes-through-only-when-it-is-confirmed",
    "label-of-another-tool-stays-on-a-copy",
    "namespace-gets-and-loses-its-copy-with-its-labels",
    "secret-is-copied-with-its-type-and-follows-its-source",
    "suspended-syncer-holds-every-copy-and-resuming-does-just-what-it-planned",
    "edited-or-deleted-copy-is-put-back",
    "object-that-is-handed-over-by-its-label-becomes-the-copy",
    "deleting-the-syncer-removes-every-copy-before-it-is-gone",
    "immutable-copies-are-replaced-when-the-source-changes",
    "losing-the-source-keeps-every-copy-as-it-is",
    "overwrite-takes-an-object-over-with-all-its-content",
    "namespace-of-the-source-is-refused-as-a-target-alone",
    "deleting-the-syncer-under-retain-leaves-the-copies",
)

SHORT: Final[Mapping[str, Collection[str] | None]] = {
    "test_crds.py::test_a_sensible_syncer_is_accepted": None,
    "test_crds.py::test_nonsense_is_refused_with_a_sentence": None,
    "test_crds.py::test_ten_thousand_targets_are_accepted_and_one_more_is_not": None,
    "test_crds.py::test_a_status_keeps_every_field": None,
    "test_readme.py::test_the_commands_of_the_installation_print_what_it_shows": None,
    "test_readme.py::test_the_commands_of_a_document_print_what_it_shows": _DOCUMENTS,
    "test_role.py::test_every_right_is_used_and_no_request_is_refused": None,
    "test_scenarios.py::test_a_story_ends_on_a_control_plane_as_it_does_in_memory": [
        f"{story}-{_STRATEGY}" for story in _STORIES
    ],
}
"""The tests by file and name, and of a test with parameters the ids that count; None means all."""


def is_short(name: str) -> bool:
    """Whether a test is selected, by its file, name and id, as `test_a.py::test_b[id]`."""
    test, _, parameters = name.partition("[")
    ids = SHORT.get(test, ())
    return ids is None or parameters.removesuffix("]") in ids
