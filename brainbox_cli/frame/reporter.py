"""Everything a command says: text for people, the JSON document for programs, warnings and errors."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from brainbox_cli.arguments import as_options
from brainbox_cli.exit_codes import ExitCode, code_of
from brainbox_cli.frame.document import Document
from brainbox_core.errors import BrainboxError
from brainbox_core.files.reading import printable
from brainbox_core.files.writing import atomic_write
from brainbox_core.screen.display import fitted
from brainbox_core.screen.screen import MAX_LINE, Part, Screen
from brainbox_core.training.callbacks import Callback

if TYPE_CHECKING:
    from brainbox_core.network.learner import Learner, Logs

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a text begins with that spreadsheets calculate
STDOUT = Path("-")  # in the place of a file
_KINDS = {code: code.name.lower() for code in ExitCode}


class Reporter:
    """The one way out of a command.

    Text goes to standard output; with `--json` that belongs to the document, and text goes to standard error. Notes,
    warnings and errors are always on standard error.

    Args:
        argv: the command line after `brainbox`.
    """

    def __init__(self, argv: list[str]):
        options = argv[: argv.index("--")] if "--" in argv else argv
        self.json = "--json" in options  # before anything is parsed: a usage error is a document, too
        self.quiet = self.verbose = False
        self.flags: dict[str, str] = {}  # of the running command, by the name of their argument
        self.notes = Screen(sys.stderr)
        self.text = self.notes if self.json else Screen(sys.stdout)
        self.side = self.notes
        self.document = Document(argv)
        self.resume = ""  # the command that goes on with what is stopped now
        self._begin = time.perf_counter()

    def begin(self, command: str, verb: str | None, *, json: bool, quiet: bool, verbose: bool) -> None:
        """Take up what the parsed command line says."""
        if json != self.json:  # the word --json stood for something else, such as the value of an option
            self.json, self.text = json, self.notes if json else Screen(sys.stdout)
        self.quiet, self.verbose = quiet, verbose
        # Beside a prediction, standard output holds nothing but the answers.
        self.side = self.notes if verb in ("predict", "sample") else self.text
        self.document.set(command=command, verb=verb)

    def say(self, *parts: Part, wrap: bool = False) -> None:
        """One line of text that `--quiet` leaves out; see `Screen.print`."""
        if not self.quiet:
            self.side.print(*parts, wrap=wrap)

    def row(self, name: str, text: str, wrap: bool = False) -> None:
        """A named line, if there is anything to say."""
        if text:
            self.say((f"{name:<10} ", "cyan"), text, wrap=wrap)

    def table(self, rows: list[list[str]], left: int = 1, styles: Sequence[str] = ()) -> None:
        """Rows in aligned columns below their titles, each in a style of its own if there are any; see `fitted`."""
        for line, style in zip_longest(fitted(rows, self.text.width, left=left), ("bold cyan", *styles), fillvalue=""):
            self.say((line, style))

    def answer(self, *parts: Part, wrap: bool = False) -> None:
        """One line of what was asked for."""
        self.text.print(*parts, wrap=wrap)

    @property
    def tabs(self) -> bool:
        """Whether answers are for programs: lines with tabs, because standard output is not a terminal."""
        return not self.json and not self.text.stream.isatty()

    def answer_cells(self, cells: Sequence[str | float]) -> None:
        """One answer for programs: its columns between tabs. Names keep to one line, whatever is in them."""
        self.text.stream.write("\t".join(map(_cell, cells)) + "\n")
        self.text.stream.flush()

    @property
    def beside(self) -> Screen:
        """Where pictures and the like go that belong to an answer: not between the lines for programs."""
        return self.notes if self.tabs else self.text

    def note(self, text: str) -> None:
        """Something worth knowing beside the result."""
        if not self.quiet:
            self._beside(("note: ", "cyan"), as_options(text, self.flags))

    def warn(self, *texts: str) -> None:
        """What may be wrong with the result; part of the document."""
        for text in (as_options(text, self.flags) for text in texts):
            self.document.warnings.append(text)
            self._beside(("warning: ", "yellow"), text)

    @contextmanager
    def working(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """A live line for long work that is not training; see `Screen.working`."""
        if self.quiet:
            yield lambda done, total: None
            return
        with self.side.working(label) as self._work:
            yield self._work

    def doing(self, label: str) -> None:
        """Change the label of the live line, inside a `with` block of `working`."""
        if not self.quiet:
            self._work.begin(label)

    def write(self, text: str) -> None:
        """A piece of a text that was asked for, exactly as it is; a terminal is shown control characters, not sent."""
        stream = self.text.stream
        if stream.isatty():
            text = "".join(c if c in "\n\t" else printable(c) for c in text)
        stream.write(text)
        if stream.isatty():  # one sees it being written
            stream.flush()

    def save(self, name: str, path: Path, content: bytes) -> None:
        """Write a file that was asked for, or standard output for `-`; part of the document by its name."""
        if path == STDOUT:
            self.hide()
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            atomic_write(path, content)
            self.document.set(artifacts={name: path})
            self.row("saved", str(path))

    def end_text(self, last: str) -> None:
        """After a text that ended with `last`: on a terminal what comes next begins on a line of its own."""
        if self.text.stream.isatty() and not last.endswith("\n"):
            self.text.stream.write("\n")
        self.text.stream.flush()

    def training(self, progress: Callback) -> list[Callback]:
        """The callbacks that show a training: the one that shows its rows and, for --verbose, one for its batches."""
        if self.quiet:
            return []
        return [progress, _Batches(self.text)] if self.verbose else [progress]

    def fail(self, error: BrainboxError) -> ExitCode:
        """Say what the user can mend, in two lines."""
        code = code_of(error)
        self._error(code, error.line, error.fix or "run it again with --verbose to see where it happened")
        if self.verbose:
            self._traceback(error)
        return code

    def bug(self, error: Exception) -> ExitCode:
        """Say that the mistake is ours, with all that helps to find it."""
        self._error(
            ExitCode.BUG,
            f"{type(error).__name__}: {error} (this is a bug in brainbox, not your mistake)",
            "please report it together with the lines below",
        )
        self._traceback(error)
        return ExitCode.BUG

    def stopped(self, code: ExitCode, signal: str) -> ExitCode:
        """Say that somebody ended the run."""
        self._beside(f"stopped by {signal}" + ("" if self.resume else "; nothing unfinished was written"))
        if self.resume:
            self._beside(("resume     ", "cyan"), self.resume)
        self._set_error(code, f"stopped by {signal}", self.resume)
        return code

    def failed(self, reason: str) -> ExitCode:
        """Take down that a result did not clear the bar that was set; `show_error` says so, after the result."""
        self._set_error(ExitCode.GATE, reason, "train longer or set another bar; the model is kept in any case")
        return ExitCode.GATE

    def show_error(self) -> None:
        """Say what went wrong, in two lines."""
        error = self.document.fields["error"]
        self._beside(("error: ", "bold red"), error["message"])
        self._beside(("hint: ", "cyan"), error["hint"])

    @property
    def seconds(self) -> float:
        """How long the command has run."""
        return time.perf_counter() - self._begin

    def finish(self, code: ExitCode) -> None:
        """Close the document with how it ended."""
        self.document.set(exit_code=int(code), timing={"total_s": round(self.seconds, 3)})

    def print_document(self) -> None:
        """Write the one JSON object, if it was asked for."""
        self.hide()
        if self.json:
            sys.stdout.write(self.document.text() + "\n")
        sys.stdout.flush()

    def _error(self, code: ExitCode, line: str, fix: str) -> None:
        self._set_error(code, as_options(line, self.flags), as_options(fix, self.flags))
        self.show_error()

    def _set_error(self, code: ExitCode, line: str, fix: str) -> None:
        status = "failed" if code == ExitCode.GATE else "stopped" if code > 128 else "error"
        self.document.set(status=status, error={"kind": _KINDS[code], "message": line, "hint": fix})

    def _beside(self, *parts: Part) -> None:
        self.hide()  # both streams may be the same terminal, and the cursor stands in the live line
        self.notes.print(*parts)

    def hide(self) -> None:
        """Take the live line away, wherever it is."""
        self.text.hide()
        self.side.hide()

    def _traceback(self, error: Exception) -> None:
        for line in "".join(traceback.format_exception(error)).splitlines():
            self.notes.print(line)


def _cell(cell: str | float) -> str:
    """A number in full, or a text on one line that no spreadsheet takes for a formula: then a ' stands before it."""
    if not isinstance(cell, str):
        return repr(cell)
    formula = cell.startswith(_FORMULA) and cell != "-"  # which stands for standard input
    return ("'" if formula else "") + printable(cell, MAX_LINE)


class _Batches(Callback):
    """A line for every batch, for --verbose."""

    def __init__(self, screen: Screen):
        self._screen = screen

    def on_batch_end(self, model: Learner, logs: Logs) -> None:
        text = "  epoch {epoch} batch {batch}/{batches}  step {step}  loss {train_loss:.4f}  lr {lr:.3g}"
        self._screen.print((text.format_map(logs), "bright_black"))
