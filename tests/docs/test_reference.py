"""The tables of the reference pages are those of the code: exit codes, JSON, data, the words of a header."""

from __future__ import annotations

import json
import re

from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.document import Document
from brainbox_core.datasets import catalog
from tests.benchmarks.compare import table
from tests.benchmarks.compare.cases import CASES
from tests.docs.markdown import ROOT, read, rows, section, spans


def test_exit_codes_are_all_there():
    codes = [int(code) for row in rows(section(read("docs/files.md"), "## Exit codes")) for code in row[0].split(",")]
    assert sorted(codes) == sorted(ExitCode)


def test_fields_of_the_document_are_all_there():
    named = [span for row in rows(section(read("docs/files.md"), "## JSON")) for span in spans(row[0])]
    assert sorted(named) == sorted(Document([]).fields)
    schema = json.loads(read("brainbox_cli/run.schema.json"))
    assert sorted(named) == sorted(schema["properties"])


def test_downloads_have_the_hashes_that_are_checked():
    shown = {row[0].strip("`"): row for row in rows(section(read("docs/data.md"), "## By name"))}
    assert set(catalog.NAMES) <= set(shown)
    for name, remotes in catalog.REMOTE.items():
        assert spans(shown[name][3]) == [remote.sha256 for remote in remotes]


def test_the_table_of_speed_is_that_of_the_measured_figures():
    report = json.loads(read("docs/performance.json"))
    assert set(report["cases"]) == set(CASES)
    assert table.render(report).strip() in read("docs/performance.md")


def test_benchmarks_that_figures_name_exist():
    for path in re.findall(r"tests/[\w/]+\.py", read("docs/figures.md")):
        assert (ROOT / path).exists(), path
