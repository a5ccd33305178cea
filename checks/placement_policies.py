"""Prints the policy file that one of upstream's fixtures for placement's tests stands for: `open` lets everybody do
everything, `legacy` also admits by the deprecated rules. Upstream's rules are read without what they need to be in
force. To be run by the Python of the test tools' environment, with the folder that holds the package."""

import sys
import types
import unittest.mock

import yaml


class Rule:
    def __init__(self, name, check_str, *_, deprecated_rule=None, **__):
        self.name, self.check, self.deprecated = name, check_str, deprecated_rule


def rules(folder):
    sys.path.insert(0, folder)
    names = types.SimpleNamespace(RuleDefault=Rule, DocumentedRuleDefault=Rule, DeprecatedRule=Rule)
    sys.modules["oslo_policy"] = types.SimpleNamespace(policy=names)
    sys.modules["oslo_log"] = unittest.mock.MagicMock()
    from placement import policies

    return policies.list_rules()


def opened(rule):
    return "@"


def legacy(rule):
    return f"({rule.check}) or ({rule.deprecated.check})" if rule.deprecated else rule.check


check = {"open": opened, "legacy": legacy}[sys.argv[1]]
print(yaml.safe_dump({rule.name: check(rule) for rule in rules(sys.argv[2]) if rule.name != "admin_api"}))
