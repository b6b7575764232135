"""What is loaded for what, and the commands that load nothing."""

import subprocess
import sys

import pytest

from tests.cli.shell import COMMAND, ROOT, brainbox, environment, python

HEAVY = ("typer", "rich", "numpy", "matplotlib", "PIL", "pydantic")
LOADED = """
import atexit, sys
sys.argv = ["brainbox", *sys.argv[1:]]
atexit.register(lambda: print("LOADED", *sorted(sys.modules), file=sys.stderr))
from brainbox_cli.app import main
main()
"""
ANNOUNCE_NUMPY = """
import sys
class Announce:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("NUMPY IS IMPORTED", flush=True)
sys.meta_path.insert(0, Announce())
sys.argv = ["brainbox", *sys.argv[1:]]
from brainbox_cli.app import main
main()
"""


def loaded(*words, cwd) -> set[str]:
    done = python("-c", LOADED, *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rsplit("LOADED", 1)[1].split()) & set(HEAVY)


@pytest.mark.parametrize("words", [[], ["--version"]])
def test_the_tour_and_the_version_load_nothing(words, tmp_path):
    assert loaded(*words, cwd=tmp_path) == set()


@pytest.mark.parametrize("words", [["--help"], ["mnist", "--help"], ["cnn", "predict", "--help"]])
def test_help_loads_no_numpy(words, tmp_path):
    assert not loaded(*words, cwd=tmp_path) & {"numpy", "matplotlib", "PIL"}


def test_a_training_without_plot_loads_no_matplotlib_and_off_a_terminal_no_rich(tmp_path):
    found = loaded("mnist", "--epochs", "1", "--limit", "500", cwd=tmp_path)
    assert "numpy" in found
    assert not found & {"matplotlib", "rich"}


def test_the_header_appears_before_numpy_is_imported(tmp_path):
    done = python("-c", ANNOUNCE_NUMPY, "mnist", "--epochs", "1", "--limit", "500", cwd=tmp_path)
    assert done.stdout.index("784-128-10 MLP, 101,770 parameters") < done.stdout.index("NUMPY IS IMPORTED")


def test_the_tour_names_every_command_that_works(tmp_path):
    done = brainbox(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    commands = ROOT / "brainbox_cli" / "commands"
    modules = {path.parent.name for path in commands.glob("*/command.py")} | {"cnn", "mnist"}
    told = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  brainbox ")}
    assert told == modules
    assert len(done.stdout.splitlines()) <= 25


def test_version_and_help_go_to_standard_output(tmp_path):
    version, page = brainbox("--version", cwd=tmp_path), brainbox("mnist", "--help", cwd=tmp_path)
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("brainbox ")
    assert (page.returncode, page.stderr) == (0, "")
    for word in ("--epochs", "--lr", "--seed", "BRAINBOX_SEED", "predict", "evaluate", "default: 128"):
        assert word in page.stdout


def test_the_shell_completes_nouns_and_verbs(tmp_path):
    def words(line: str) -> str:
        env = environment(_BRAINBOX_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(line.count(" ")))
        done = subprocess.run(COMMAND, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    assert words("brainbox mn").split() == ["mnist"]
    assert words("brainbox cnn ").split() == ["train", "predict", "evaluate"]


def test_it_runs_without_asserts_and_with_warnings_as_errors(tmp_path):
    done = python("-O", "-W", "error", "-m", "brainbox_cli", "mnist", "--lr", "0", cwd=tmp_path)
    assert (done.returncode, sys.flags.optimize) == (2, 0), done.stderr
    done = python("-W", "error", "-m", "brainbox_cli", "mnist", "-e", 1, "--limit", 500, "--plot", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_one_thread_for_small_matrices_unless_the_environment_says_otherwise(tmp_path):
    show = LOADED.replace('"LOADED", *sorted(sys.modules)', '"LOADED", __import__("os").environ["OMP_NUM_THREADS"]')
    threads = [python("-c", show, cwd=tmp_path, **env).stderr.split()[1] for env in ({}, {"OMP_NUM_THREADS": "3"})]
    assert threads == ["1", "3"]
