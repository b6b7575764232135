"""Letting a character generator write."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from brainbox_core.errors import ConvergenceError, InputError, UsageError, whole
from brainbox_core.exact.int_stepper import IntStepper, quantized
from brainbox_core.exact.sampling import Sampler
from brainbox_core.exact.stepper import Stepper, chain_of
from brainbox_core.model.sequential import Sequential
from brainbox_core.text.characters import OTHER, Alphabet, named

MOST_WRITTEN = 1_000_000
LONGEST_LINE = 1000  # characters that a model of lines writes in one


def write(
    model: Sequential,
    length: int,
    prime: str = "",
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    dtype: str = "float32",
) -> Iterator[str]:
    """Let a model write, character by character; see `brainbox_core.exact.sampling` for how each is chosen.

    The text does not depend on the machine: `brainbox_core.exact.stepper` says how every number is computed, and an
    exported header writes the same.

    The model begins from a state of zeros after the character `model.meta["start"]`. A model of lines begins every line
    so, with the prime again.

    Args:
        length: how many characters follow the prime; for a model of lines, how many lines.
        prime: how the text begins.
        temperature: 0 always takes the likeliest character.
        top_k: choose among so many of the likeliest characters only; None among all.
        seed: of the choices.
        dtype: "float32"; "int8" for the text that an export with weights of 8 bits writes.

    Yields:
        The prime, and every character after it.

    Raises:
        InputError: the model does not know a character of the prime.
        UsageError: an argument is out of its range.
        ConvergenceError: an output is not a finite number.
    """
    alphabet = Alphabet(model.meta["characters"])
    if whole("length", length) > MOST_WRITTEN:
        expected = f"a whole number from 1 to {MOST_WRITTEN}"
        raise UsageError("length", expected=expected, got=length, fix="go on with another `prime`")
    if top_k is not None and whole("top_k", top_k) > len(alphabet):
        expected = f"at most {len(alphabet)}, the characters of the model"
        raise UsageError("top_k", expected=expected, got=top_k, fix="leave it out to choose among all")
    sampler = Sampler(temperature, top_k, seed)
    begin = [model.meta["start"], *_known(prime, alphabet, model.meta["lines"])]
    if dtype not in ("float32", "int8"):
        raise UsageError("dtype", expected="float32 or int8", got=repr(dtype))
    chain = chain_of(model)
    stepper = Stepper(chain) if dtype == "float32" else IntStepper(quantized(chain))
    return _written(stepper, model, begin, prime, length, sampler)


def _written(
    stepper: Stepper | IntStepper, model: Sequential, begin: list[int], prime: str, length: int, sampler: Sampler
) -> Iterator[str]:
    characters, lines = model.meta["characters"], model.meta["lines"]
    for _ in range(length if lines else 1):
        yield from prime
        stepper.reset()
        read = begin
        for _ in range(LONGEST_LINE if lines else length):
            number = sampler.choose(_read(stepper, read))
            if lines and number == model.meta["start"]:
                break
            yield characters[number]
            read = [number]
        if lines:
            yield "\n"


def _known(prime: str, alphabet: Alphabet, lines: bool) -> list[int]:
    """The numbers of the prime's characters."""
    if lines and "\n" in prime:
        raise UsageError("a line end in the prime of every line", where="prime", fix="leave it out")
    if unknown := next((character for character in prime if character not in alphabet.numbers), None):
        some = "".join(character for character in alphabet.characters if character.isprintable() and character != OTHER)
        what, fix = f"the model does not know the character {named(unknown)}", f"it knows {some[:80]}"
        raise InputError(what, where="prime", fix=fix + "..." * (len(some) > 80))
    return [alphabet.numbers[character] for character in prime]


def _read(stepper: Stepper | IntStepper, numbers: list[int]) -> np.ndarray:
    """The logits (characters,) of what comes next, after some more characters are read."""
    for number in numbers:
        logits = stepper.step(number)
    if not np.isfinite(logits).all():
        raise ConvergenceError("the prediction is not a finite number", fix="train again with a smaller learning rate")
    return logits
