"""Add a setting: an option of the decisions that leaves a label off the copies."""

from tests.recipes.steps import Recipe, Step, after, before, ran

STEPS = (
    Step(
        "the setting",
        after(
            "hooks/settings.py",
            "    require_target_consent: bool = False\n",
            "    plain_copies: bool = False\n",
        ),
        "test_every_option_follows_a_setting",
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
        "another value in the test",
        after(
            "tests/http/test_settings.py",
            '    "require_target_consent": ("true", True),\n',
            '    "plain_copies": ("true", True),\n',
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
        after(
            "charts/configmap-syncer/values.yaml",
            "  requireTargetConsent: null\n",
            "  # -- `PLAIN_COPIES`: whether copies go without the label of their manager.\n"
            "  plainCopies: null\n",
        ),
        "test_every_setting_of_the_hook_is_a_value",
    ),
    Step(
        "what the chart has of it",
        ran("tools.chart"),
        "test_what_the_chart_has_from_elsewhere_is_current",
    ),
)
RECIPE = Recipe("Add a setting", STEPS)
