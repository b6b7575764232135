"""How gradients change weights. Everything works in place on the flat vectors of a model's `Parameters`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from brainbox_core.errors import ConvergenceError, UsageError, between, whole
from brainbox_core.parameters import Parameters, fill
from brainbox_core.scalar.update_rules import RULES
from brainbox_core.schedules import Constant, Schedule, from_config, to_config

# Within these limits a gradient of finite length cannot become an update that is not: in float32 that length is below
# 2e19, momentum makes at most 2e24 of it, and what is divided by epsilon is an average of gradients. So the usual step
# is not checked: that would cost a pass over the vectors, and copies of them to go back to.
SAFE_RATE, SAFE_EPSILON = 100.0, 1e-10


def clip_by_global_norm(gradients: np.ndarray, limit: float) -> float:
    """Scale a vector of gradients in place so that its length is at most `limit`; returns the length it had.

    Keeps the direction (Pascanu, Mikolov, Bengio 2013).

    Example:
        >>> gradients = np.array([3.0, 4.0])
        >>> clip_by_global_norm(gradients, 1.0), gradients
        (5.0, array([0.6, 0.8]))
    """
    with np.errstate(over="ignore"):
        norm = math.sqrt(np.dot(gradients, gradients))
    if norm == math.inf:  # the squares overflow before the length does
        norm = float(np.linalg.norm(gradients.astype(np.float64)))
    if norm > limit:
        gradients *= limit / norm
    return norm


class Optimizer:
    """What all optimizers share: the learning rate, clipping, the number of steps taken, and their moments.

    Attributes:
        steps: taken so far.
        norm: the length of the last gradient, before it was clipped.
        weight_decay: each step shrinks the weights by lr * weight_decay of themselves first, apart from the gradient.
        moments: arrays as long as the parameters, by name; a checkpoint holds them. They are sums that fade, not
            averages: the constant factor between the two goes into the learning rate.

    Example:
        >>> from brainbox_core.parameters import Parameter, Parameters
        >>> x, optimizer = Parameter(np.array([3.0, 4.0])), SGD(lr=0.1)
        >>> optimizer.build(Parameters({"x": x}))  # which a model does by itself
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.data
        array([2.4, 3.2])
    """

    moment_names: tuple[str, ...] = ()
    weight_decay = 0.0

    def __init__(self, lr: float | Schedule, clip_norm: float | None):
        self.lr = lr
        self.clip_norm = None if clip_norm is None else between("clip_norm", clip_norm, 0, above=True)
        self.steps, self.norm = 0, 0.0
        self.moments: dict[str, np.ndarray] = {}
        self._parameters: Parameters | None = None

    @property
    def lr(self) -> float:
        """The learning rate of the next step.

        A number or a schedule may be assigned at any time, also between two steps; it is checked like the argument and
        takes the place of what was there. A number under a schedule so ends the schedule: the rate stays at it.

        Example:
            >>> from brainbox_core.schedules import Cosine
            >>> optimizer = SGD(lr=Cosine(0.1, steps=100))
            >>> optimizer.lr = 0.02
            >>> optimizer.lr
            0.02
        """
        rate = self.schedule(self.steps)
        if type(rate) is not float or not 0 <= rate < math.inf:
            rate = between(f"the schedule's rate of step {self.steps}", rate, 0)
        return rate

    @lr.setter
    def lr(self, lr: float | Schedule) -> None:
        self.schedule = lr if callable(lr) else Constant(lr)

    def build(self, parameters: Parameters) -> None:
        """Take over the parameters of a model, with moments of 0."""
        if not isinstance(parameters, Parameters):
            fix = "give the optimizer to model.compile(), or model.params to its build()"
            raise UsageError("build() needs the parameters of a model", got=type(parameters).__name__, fix=fix)
        if self._parameters is not None and self._parameters is not parameters:
            raise UsageError("the optimizer belongs to another model", fix="make a new optimizer for each model")
        self._parameters, self.steps = parameters, 0
        self.moments = {name: np.zeros_like(parameters.values) for name in self.moment_names}
        self._scratch = np.empty_like(parameters.values)

    def step(self, check: bool = True) -> None:
        """Change the parameters once, along their gradients.

        Args:
            check: refuse a gradient or an update if it, or its square, is not finite; False uses it as it is.

        Raises:
            ConvergenceError: one was refused; parameters, moments and `steps` are those before it.
        """
        if self._parameters is None:
            raise UsageError("the optimizer has no parameters", fix="build() it, or give it to model.compile()")
        values, gradients, lr = self._parameters.values, self._parameters.gather(), self.lr
        with np.errstate(all="ignore"):  # overflow is looked for, and told
            if self.clip_norm is not None:
                self.norm = clip_by_global_norm(gradients, self.clip_norm)
            else:
                self.norm = math.sqrt(np.dot(gradients, gradients))  # this one product sees every NaN and Inf
            if check and not math.isfinite(self.norm):
                raise self._refused("the gradient is not finite", lr)
            safe = self._is_safe(lr) and lr * self.weight_decay <= 2  # above 2 the weights grow
            watched = () if not check or safe else (values, *self.moments.values())
            before = [array.copy() for array in watched]
            self.steps += 1
            for here in self._parameters.trained():
                self._update_part(here, values[here], gradients[here], lr)
            if watched and not (math.isfinite(np.dot(values, values)) and all(np.isfinite(a).all() for a in watched)):
                self.steps -= 1
                for array, good in zip(watched, before, strict=True):
                    array[...] = good
                raise self._refused("the update is not finite", lr)
        self._parameters.touched()

    def zero_grad(self) -> None:
        """Forget the gradients of the last step, in a training loop of one's own; `step` does not."""
        if self._parameters is not None:
            self._parameters.zero_grad()

    def state(self) -> Mapping[str, Any]:
        """What the next step depends on beside the parameters: the steps taken, the learning rate and the moments."""
        return {"steps": self.steps, "norm": self.norm, "lr": to_config(self.schedule), **self.moments}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state()` gave.

        Raises:
            UsageError: it is that of another kind of optimizer, of other parameters, or of a schedule of the user's own
                that is not there.
        """
        if state["lr"] is None and to_config(self.schedule) is not None:
            what = "the learning rate followed a schedule of your own, which a file cannot hold"
            raise UsageError(what, fix="assign it to the optimizer's `lr` first")
        fill(self.moments, {name: value for name, value in state.items() if name not in ("steps", "norm", "lr")})
        self.steps, self.norm = whole("steps", state["steps"], 0), between("norm", state["norm"], 0)
        if state["lr"] is not None:
            self.schedule = from_config(state["lr"])

    def _refused(self, what: str, lr: float) -> ConvergenceError:
        fix = f"use a smaller learning rate than {lr:g}, or clip the gradient"
        return ConvergenceError(what, where=f"step {self.steps + 1}", fix=fix)

    def _is_safe(self, lr: float) -> bool:
        """Whether a gradient of finite length cannot become an update that is not finite."""
        return False

    def _update_part(self, here: slice, values: np.ndarray, gradients: np.ndarray, lr: float) -> None:
        """Decay and update a stretch of the vectors; meanwhile the moments are those of the stretch."""
        moments, scratch = self.moments, self._scratch
        self.moments, self._scratch = {name: moment[here] for name, moment in moments.items()}, scratch[here]
        try:
            if self.weight_decay:
                values *= 1 - lr * self.weight_decay
            self._update(values, gradients, lr)
        finally:
            self.moments, self._scratch = moments, scratch

    def _update(self, values: np.ndarray, gradients: np.ndarray, lr: float) -> None:
        raise UsageError(f"{type(self).__name__} does not say how to change the parameters", fix="define _update()")


class SGD(Optimizer):
    """Gradient descent, with optional momentum: v = momentum * v + g, x -= lr * v.

    Args:
        lr: learning rate, or a schedule of it.
        momentum: 0 to less than 1; 0.9 is usual (Polyak 1964).
        nesterov: look ahead along the momentum first (Sutskever et al. 2013).
        clip_norm: the greatest length of the whole gradient; None for no limit.
        weight_decay: each step shrinks the weights by lr * weight_decay of themselves, apart from the gradient and its
            momentum (decoupled, as in `AdamW`; SGDW of Loshchilov and Hutter 2019). Without momentum it is the same as
            a penalty of weight_decay / 2 * sum(x²) in the loss.

    Example:
        >>> SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4).lr
        0.1
    """

    def __init__(
        self,
        lr: float | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
    ):
        super().__init__(lr, clip_norm)
        self.weight_decay = between("weight_decay", weight_decay, 0)
        self.momentum, self.nesterov = between("momentum", momentum, 0, 0.99999), bool(nesterov)
        if nesterov and not momentum:
            raise UsageError("nesterov needs a momentum", fix="SGD(momentum=0.9, nesterov=True)")
        self.moment_names = ("velocity",) if momentum else ()

    def _is_safe(self, lr: float) -> bool:
        return lr <= SAFE_RATE

    def _update(self, values: np.ndarray, gradients: np.ndarray, lr: float) -> None:
        change = self._scratch
        if not self.momentum:
            np.multiply(gradients, lr, out=change)
        else:
            velocity = self.moments["velocity"]
            velocity *= self.momentum
            velocity += gradients
            np.multiply(velocity, lr * self.momentum if self.nesterov else lr, out=change)
            if self.nesterov:
                change += lr * gradients
        values -= change


class _Adaptive(Optimizer):
    """What the optimizers share that divide each gradient by its own usual size."""

    moment_names: tuple[str, ...] = ("square",)

    def __init__(self, lr: float | Schedule, epsilon: float, clip_norm: float | None):
        super().__init__(lr, clip_norm)
        self.epsilon = between("epsilon", epsilon, 0, above=True)

    def _is_safe(self, lr: float) -> bool:
        return lr <= SAFE_RATE and self.epsilon >= SAFE_EPSILON

    def _adapt(
        self, values: np.ndarray, direction: np.ndarray, gradients: np.ndarray, keep: float, lr: float, epsilon: float
    ) -> None:
        """square = keep * square + gradients²; values -= lr * direction / (sqrt(square) + epsilon)."""
        square = self.moments["square"]
        if keep != 1:
            square *= keep
        np.multiply(gradients, gradients, out=self._scratch)
        square += self._scratch
        np.sqrt(square, out=self._scratch)
        self._scratch += epsilon
        np.divide(direction, self._scratch, out=self._scratch)
        self._scratch *= lr
        values -= self._scratch


class RMSprop(_Adaptive):
    """Divides each gradient by a running root mean square of itself (Hinton, lecture 6e, 2012).

    Args:
        lr: learning rate, or a schedule of it.
        decay: of the running mean, 0 to less than 1.
        epsilon: keeps the division finite.
        clip_norm: the greatest length of the whole gradient; None for no limit.

    Example:
        >>> RMSprop(lr=0.001, decay=0.99).lr
        0.001
    """

    def __init__(
        self,
        lr: float | Schedule = 0.001,
        decay: float = 0.9,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
    ):
        super().__init__(lr, epsilon, clip_norm)
        self.decay = between("decay", decay, 0, 0.999999)

    def _update(self, values: np.ndarray, gradients: np.ndarray, lr: float) -> None:
        root = math.sqrt(1 - self.decay)
        self._adapt(values, gradients, gradients, self.decay, lr / root, self.epsilon / root)


class Adagrad(_Adaptive):
    """Divides each gradient by the root of the sum of all its squares so far (Duchi, Hazan, Singer 2011).

    Args:
        lr: learning rate, or a schedule of it.
        epsilon: keeps the division finite.
        clip_norm: the greatest length of the whole gradient; None for no limit.

    Example:
        >>> Adagrad(lr=0.01, clip_norm=1.0).lr
        0.01
    """

    def __init__(self, lr: float | Schedule = 0.01, epsilon: float = 1e-8, clip_norm: float | None = None):
        super().__init__(lr, epsilon, clip_norm)

    def _update(self, values: np.ndarray, gradients: np.ndarray, lr: float) -> None:
        self._adapt(values, gradients, gradients, 1.0, lr, self.epsilon)


class Adam(_Adaptive):
    """Momentum divided by the root mean square of the gradient, both corrected for their start (Kingma and Ba 2015).

    Args:
        lr: learning rate, or a schedule of it.
        beta1: decay of the mean, 0 to less than 1.
        beta2: decay of the mean square, 0 to less than 1.
        epsilon: keeps the division finite.
        clip_norm: the greatest length of the whole gradient; None for no limit.

    Example:
        >>> from brainbox_core.schedules import Cosine
        >>> Adam(lr=Cosine(0.01, steps=1000)).lr
        0.01
    """

    moment_names = ("mean", "square")

    def __init__(
        self,
        lr: float | Schedule = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
    ):
        super().__init__(lr, epsilon, clip_norm)
        self.beta1 = between("beta1", beta1, 0, 0.999999)
        self.beta2 = between("beta2", beta2, 0, 0.999999)

    def _update(self, values: np.ndarray, gradients: np.ndarray, lr: float) -> None:
        mean = self.moments["mean"]
        mean *= self.beta1
        mean += gradients
        share, square_share = 1 - self.beta1, 1 - self.beta2  # of a new gradient in the averages
        correction, square_correction = 1 - self.beta1**self.steps, 1 - self.beta2**self.steps
        # All of these are folded into the rate and epsilon, two Python floats, instead of passes over the vectors.
        root = math.sqrt(square_correction / square_share)
        self._adapt(values, mean, gradients, self.beta2, lr * share / correction * root, self.epsilon * root)


class AdamW(Adam):
    """Adam with weight decay on the weights themselves, apart from the gradient (Loshchilov and Hutter 2019).

    Args:
        lr: learning rate, or a schedule of it.
        weight_decay: each step shrinks the weights by lr * weight_decay of themselves.
        beta1: decay of the mean, 0 to less than 1.
        beta2: decay of the mean square, 0 to less than 1.
        epsilon: keeps the division finite.
        clip_norm: the greatest length of the whole gradient; None for no limit.

    Example:
        >>> AdamW(lr=0.001, weight_decay=0.05).weight_decay
        0.05
    """

    def __init__(
        self,
        lr: float | Schedule = 0.001,
        weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
    ):
        super().__init__(lr, beta1, beta2, epsilon, clip_norm)
        self.weight_decay = between("weight_decay", weight_decay, 0)


def named(name: str, lr: float | Schedule | None = None, **options: float) -> Optimizer:
    """An optimizer by the name that the command line uses.

    Args:
        name: a key of `scalar.update_rules.RULES`; a new optimizer gets a row there.
        lr: learning rate, or a schedule of it; the usual one if left out.
        options: further arguments of its class; they override those of the row.

    Raises:
        UsageError: there is no such optimizer.

    Example:
        >>> named("nesterov", 0.1).momentum
        0.9
    """
    if name not in RULES:
        raise UsageError("unknown optimizer", expected=", ".join(RULES), got=name)
    rule = RULES[name]
    return globals()[rule.kind](rule.lr or 0.01 if lr is None else lr, **{**rule.options, **options})
