"""In CI a skipped test is a failure: whatever a test needs, `.ci/run` has installed.

What depends on the kind of machine, and not on anything that could be installed, may be skipped.
"""

import os

import pytest

KINDS_OF_MACHINE = ("shows what root alone can do", "looks into /proc")


def unexpected_skips(reporter: pytest.TerminalReporter) -> list[str]:
    """Return the skipped tests that CI does not accept, with their reasons."""
    return [
        f"{report.nodeid}: {report.longreprtext}"
        for report in reporter.stats.get("skipped", [])
        if not any(reason in report.longreprtext for reason in KINDS_OF_MACHINE)
    ]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and unexpected_skips(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skips = unexpected_skips(terminalreporter) if os.environ.get("CI") else []
    if skips:
        terminalreporter.section("skipped in CI, which is a failure", red=True)
        terminalreporter.write_line("\n".join(skips))
