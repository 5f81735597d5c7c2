"""What the audit of packages says of the registry's answers."""

import pytest

from tests.audit_packages import vulnerable_packages


def test_a_known_vulnerability_is_named_with_the_version_that_mends_it():
    told = {"dependencies": [{"name": "jinja2", "version": "3.0", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1"]}]}]}
    assert vulnerable_packages(told) == ["jinja2 3.0: CVE-1, mended in 3.1"]


def test_a_registry_that_knows_nothing_is_said_and_does_not_fail(capsys: pytest.CaptureFixture[str]):
    told = {"dependencies": [{"name": "jinja2", "skip_reason": "not found"}]}
    assert vulnerable_packages(told) == []
    assert "0 of 1 packages" in capsys.readouterr().out
