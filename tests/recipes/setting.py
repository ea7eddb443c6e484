"""Add a setting: an option of the decisions that leaves a label off the copies."""

from tests.recipes.steps import (
    Recipe,
    Step,
    after,
    before,
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
RECIPE = Recipe(
    "Add a setting",
    STEPS,
)
