"""Add a setting: an option of the decisions that leaves a label off the copies."""

from pathlib import Path

from tests.recipes.steps import (
    Step,
    after,
    assert_is_complete,
    assert_is_missed,
    before,
    each_left_out,
    named_by_the_guide,
    names_of,
    ran,
    together,
)

STEPS = (
    Step(
        "the setting",
        after(
            "hooks/settings.py",
            "    require_target_consent: bool = False\n",
            "    plain_copies: bool = False\n",
        ),
        "test_what_is_not_set_has_a_default",
    ),
    Step(
        "the option",
        after(
            "hooks/api/options.py",
            "    require_target_consent: bool = False\n",
            "    plain_copies: bool = False\n",
        ),
        "",  # What no decision depends on is no option.
    ),
    Step(
        "the option follows the setting",
        after(
            "hooks/settings.py",
            "            require_target_consent=self.require_target_consent,\n",
            "            plain_copies=self.plain_copies,\n",
        ),
        "test_every_option_follows_a_setting",
    ),
    Step(
        "the default in the test",
        after(
            "tests/http/test_settings.py",
            '        "require_target_consent": False,\n',
            '        "plain_copies": False,\n',
        ),
        "test_what_is_not_set_has_a_default",
    ),
    Step(
        "another value in the test",
        together(
            after(
                "tests/http/test_settings.py",
                '        "REQUIRE_TARGET_CONSENT": "true",\n',
                '        "PLAIN_COPIES": "true",\n',
            ),
            after(
                "tests/http/test_settings.py",
                '        "require_target_consent": True,\n',
                '        "plain_copies": True,\n',
            ),
        ),
        "test_each_setting_is_the_variable_of_its_upper_case",
    ),
    Step(
        "the page on settings",
        before("docs/settings.md", "| `HOST` |", "| `PLAIN_COPIES` | `False` | plain copies |\n"),
        "test_every_setting_has_a_row_with_its_default",
    ),
    Step(
        "the value of the chart",
        together(
            after(
                "charts/configmap-syncer/values.yaml",
                "  requireTargetConsent: null\n",
                "  # -- `PLAIN_COPIES`: whether copies go without the label of their manager.\n"
                "  plainCopies: null\n",
            ),
            before(
                "charts/configmap-syncer/values.schema.json",
                '        "requireTargetConsent": {\n',
                '        "plainCopies": {"type": ["boolean", "null"]},\n',
            ),
            after(
                "charts/configmap-syncer/templates/_helpers.tpl",
                "requireTargetConsent: REQUIRE_TARGET_CONSENT\n",
                "plainCopies: PLAIN_COPIES\n",
            ),
        ),
        "test_every_setting_of_the_hook_is_a_value",
    ),
    Step(
        "the table of the chart",
        ran("tools.chart"),
        "test_what_the_chart_has_from_elsewhere_is_current",
    ),
)


def test_with_all_steps_the_named_tests_pass(tmp_path: Path) -> None:
    assert_is_complete(STEPS, tmp_path)


@each_left_out(STEPS)
def test_without_a_step_the_named_test_fails(left_out: Step, tmp_path: Path) -> None:
    assert_is_missed(left_out, STEPS, tmp_path)


def test_the_guide_names_these_tests() -> None:
    assert named_by_the_guide("Add a setting") == names_of(STEPS)
