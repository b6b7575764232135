"""Optimizers beside their formulas and beside PyTorch's."""

import inspect
import json
import math
from functools import partial

import numpy as np
import pytest

from brainbox_core import optimizers
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop, clip_by_global_norm, named
from brainbox_core.parameters import Parameter, Parameters
from brainbox_core.scalar.expression import parse
from brainbox_core.scalar.update_rules import DESCENT_OPTIMIZERS, NETWORK_OPTIMIZERS, RULES
from brainbox_core.schedules import Cosine, Step

RNG = np.random.default_rng(11)
CASES = {
    "sgd": (lambda: SGD(0.1), lambda t, p: t.SGD(p, 0.1)),
    "sgd, weight decay": (lambda: SGD(0.1, weight_decay=0.3), lambda t, p: t.SGD(p, 0.1, weight_decay=0.3)),
    "momentum": (lambda: SGD(0.1, momentum=0.9), lambda t, p: t.SGD(p, 0.1, momentum=0.9)),
    "nesterov": (
        lambda: SGD(0.1, momentum=0.9, nesterov=True),
        lambda t, p: t.SGD(p, 0.1, momentum=0.9, nesterov=True),
    ),
    "rmsprop": (lambda: RMSprop(0.01, decay=0.9), lambda t, p: t.RMSprop(p, 0.01, alpha=0.9)),
    "adagrad": (lambda: Adagrad(0.1), lambda t, p: t.Adagrad(p, 0.1, eps=1e-8)),
    "adam": (lambda: Adam(0.01), lambda t, p: t.Adam(p, 0.01)),
    "adam, large epsilon": (lambda: Adam(0.01, epsilon=0.1), lambda t, p: t.Adam(p, 0.01, eps=0.1)),
    "adam, other betas": (lambda: Adam(0.01, 0.5, 0.9), lambda t, p: t.Adam(p, 0.01, betas=(0.5, 0.9))),
    "adamw": (lambda: AdamW(0.01, weight_decay=0.1), lambda t, p: t.AdamW(p, 0.01, weight_decay=0.1)),
}
every_case = pytest.mark.parametrize("name", CASES)


def ready(optimizer, *arrays):
    """The optimizer with parameters that start at the arrays."""
    named = {str(i): Parameter(np.array(array)) for i, array in enumerate(arrays)}
    params = Parameters(named)
    optimizer.build(params)
    return params, list(named.values())


def bowl(tensors, centres):
    total = 0
    for tensor, centre in zip(tensors, centres, strict=True):
        total = ((tensor - centre) ** 2 * np.arange(1, 1 + tensor.size).reshape(tensor.shape)).sum() + total
    return total


@every_case
@pytest.mark.parametrize("clip", [None, 1.5])
def test_beside_pytorch(name, clip):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    make, theirs = CASES[name]
    optimizer, starts = make(), [RNG.normal(size=(2, 3)), RNG.normal(size=4)]
    optimizer.clip_norm = clip
    params, ours = ready(optimizer, *starts)
    tensors = [torch.tensor(start, requires_grad=True) for start in starts]
    other = theirs(torch.optim, tensors)
    for _ in range(30):
        for tensor in tensors:
            tensor.grad = None
        sum(((t - 1) ** 2 * torch.arange(1, 1 + t.numel()).reshape(t.shape)).sum() for t in tensors).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(tensors, clip)
        other.step()
        params.zero_grad()
        bowl(ours, [1, 1]).backward()
        optimizer.step()
        for parameter, tensor in zip(ours, tensors, strict=True):
            assert np.allclose(parameter.data, tensor.detach().numpy(), atol=1e-6 if clip else 1e-12)


@every_case
def test_a_bowl_is_descended(name):
    optimizer = CASES[name][0]()
    optimizer.schedule = Cosine({"adagrad": 0.8, "sgd": 0.03}.get(name, 0.1 if "ada" in name else 0.03), steps=300)
    optimizer.weight_decay = 0.0
    params, tensors = ready(optimizer, np.array([3.0, -2.0], np.float32))
    for _ in range(300):
        params.zero_grad()
        bowl(tensors, [1]).backward()
        optimizer.step()
    assert np.allclose(tensors[0].data, 1, atol=2e-2) and params.values.dtype == np.float32


def test_gradient_descent_on_a_parabola_in_closed_form():
    optimizer = SGD(lr=0.1)
    params, (x,) = ready(optimizer, np.array([5.0]))
    for step in range(1, 20):
        params.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
        assert x.data[0] == pytest.approx(5 * 0.8**step, rel=1e-12)


def test_momentum_of_a_constant_gradient_in_closed_form():
    optimizer = SGD(lr=1.0, momentum=0.5)
    params, (x,) = ready(optimizer, np.array([0.0]))
    for step in range(1, 12):
        params.zero_grad()
        x.sum().backward()
        optimizer.step()
        assert x.data[0] == pytest.approx(-sum(2 - 0.5**k for k in range(step)), rel=1e-12)


def test_adams_first_step_is_the_learning_rate_whatever_the_gradient():
    for gradient in (1e-3, 1.0, 1e6):
        optimizer = Adam(lr=0.01)
        _, (x,) = ready(optimizer, np.array([0.0, 0.0]))
        (x * np.array([gradient, -gradient])).sum().backward()
        optimizer.step()
        assert np.allclose(x.data, [-0.01, 0.01], rtol=2e-5)


@pytest.mark.parametrize("make", [AdamW, SGD, partial(SGD, momentum=0.9), partial(SGD, momentum=0.9, nesterov=True)])
def test_weight_decay_is_apart_from_the_gradient(make):
    optimizer = make(lr=0.1, weight_decay=0.5)
    params, (x,) = ready(optimizer, np.array([2.0]))
    for step in range(1, 4):
        params.zero_grad()
        optimizer.step()  # no gradient arrived
        assert x.data[0] == pytest.approx(2 * (1 - 0.1 * 0.5) ** step)
    assert not any(moment.any() for moment in optimizer.moments.values())


def test_the_schedule_is_asked_for_the_step():
    optimizer = SGD(lr=Step(1.0, every=2, factor=0.1))
    params, (x,) = ready(optimizer, np.array([0.0]))
    rates = []
    for _ in range(5):
        before = x.data[0]
        rates.append(optimizer.lr)
        params.zero_grad()
        x.sum().backward()
        optimizer.step()
        assert before - x.data[0] == pytest.approx(rates[-1])
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01]) and optimizer.steps == 5


@every_case
def test_a_moment_is_kept_for_every_parameter_and_restores_a_run(name):
    make = CASES[name][0]

    def run(optimizer, params, tensors, steps):
        for _ in range(steps):
            params.zero_grad()
            bowl(tensors, [1]).backward()
            optimizer.step()

    start = RNG.normal(size=3).astype(np.float32)
    whole = make()
    params, tensors = ready(whole, start)
    run(whole, params, tensors, 10)
    first, second = make(), make()
    half, half_tensors = ready(first, start)
    run(first, half, half_tensors, 6)
    resumed, resumed_tensors = ready(second, half.values.copy())
    second.steps = first.steps
    for moment, array in first.moments.items():
        second.moments[moment][...] = array
        assert array.shape == (3,) and array.dtype == np.float32
    run(second, resumed, resumed_tensors, 4)
    assert resumed.values.tobytes() == params.values.tobytes()


def test_clipping_keeps_the_direction_and_lets_short_ones_be():
    g = np.array([3.0, -4.0])
    assert clip_by_global_norm(g, 10) == 5 and g.tolist() == [3, -4]
    assert clip_by_global_norm(g, 2.5) == 5 and g.tolist() == [1.5, -2]
    assert clip_by_global_norm(np.zeros(3), 1) == 0


def test_clipping_a_gradient_whose_square_overflows():
    g = np.array([3e25, -4e25], np.float32)
    assert clip_by_global_norm(g, 1.0) == pytest.approx(5e25)
    assert np.allclose(g, [0.6, -0.8]) and g.dtype == np.float32


def test_float32_stays_float32():
    for make, _ in CASES.values():
        optimizer = make()
        optimizer.clip_norm = 0.5
        params, tensors = ready(optimizer, np.ones(4, np.float32))
        bowl(tensors, [0]).backward()
        optimizer.step()
        assert params.values.dtype == np.float32 and all(m.dtype == np.float32 for m in optimizer.moments.values())


def test_graphs_of_before_the_step_refuse_to_run_backward():
    optimizer = SGD(0.1)
    params, (x,) = ready(optimizer, np.ones(2))
    y, z = (x * x).sum(), (x * x).sum()
    y.backward()
    optimizer.step()
    with pytest.raises(UsageError, match="changed in place"):
        z.backward()
    assert len(params) == 2


def stepped(optimizer, params, tensors, gradient):
    params.zero_grad()
    with np.errstate(all="ignore"):  # of the sum itself, which nobody looks at
        (tensors[0] * np.asarray(gradient, tensors[0].dtype)).sum().backward()
    optimizer.step()


@every_case
@pytest.mark.parametrize("lr", [1e30, 1e38, 1e300])
def test_an_update_that_is_not_finite_is_refused_and_leaves_no_trace(name, lr):
    optimizer, twin = CASES[name][0](), CASES[name][0]()
    params, tensors = ready(optimizer, np.ones(3, np.float32))
    others, twins = ready(twin, np.ones(3, np.float32))
    for gradient in ([1, 2, 0], [-1, 0.5, 0]):
        stepped(optimizer, params, tensors, gradient)
        stepped(twin, others, twins, gradient)
    rate, optimizer.schedule = optimizer.schedule, lambda step: lr
    version = tensors[0].version
    with pytest.raises(
        ConvergenceError, match=r"step 3: the update is not finite; use a smaller learning rate than 1e"
    ):
        stepped(optimizer, params, tensors, [3, -2, 0])
    assert params.values.tobytes() == others.values.tobytes()
    assert (optimizer.steps, tensors[0].version) == (2, version)
    for moment, array in twin.moments.items():
        assert optimizer.moments[moment].tobytes() == array.tobytes()
    optimizer.schedule = rate
    stepped(optimizer, params, tensors, [3, -2, 0])
    stepped(twin, others, twins, [3, -2, 0])
    assert params.values.tobytes() == others.values.tobytes()


@every_case
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_refused(name, clip, bad):
    optimizer = CASES[name][0]()
    optimizer.clip_norm = clip
    params, tensors = ready(optimizer, np.ones(2, np.float32))
    with pytest.raises(ConvergenceError, match="step 1: the gradient is not finite"):
        stepped(optimizer, params, tensors, [1, bad])
    assert params.values.tolist() == [1, 1] and optimizer.steps == 0
    assert not any(moment.any() for moment in optimizer.moments.values())


@pytest.mark.parametrize("make", [Adam, RMSprop, Adagrad])
def test_an_epsilon_that_is_none_in_float32_cannot_spoil_a_weight_without_gradient(make):
    optimizer = make(epsilon=1e-60)
    params, tensors = ready(optimizer, np.ones(2, np.float32))
    with pytest.raises(ConvergenceError, match="the update is not finite"):
        stepped(optimizer, params, tensors, [1, 0])
    assert params.values.tolist() == [1, 1]


@pytest.mark.parametrize("make", [AdamW, SGD])
def test_a_weight_decay_that_overflows_is_refused(make):
    optimizer = make(lr=1.0, weight_decay=1e30)
    params, tensors = ready(optimizer, np.full(2, 1e10, np.float32))
    with pytest.raises(ConvergenceError, match="the update is not finite"):
        stepped(optimizer, params, tensors, [1, 1])
    assert params.values.tolist() == [1e10, 1e10]


def test_an_optimizer_of_ones_own_is_watched_at_any_rate():
    class Odd(optimizers.Optimizer):
        def _update(self, values, gradients, lr):
            values -= lr / gradients

    optimizer = Odd(0.1, None)
    params, tensors = ready(optimizer, np.ones(2, np.float32))
    stepped(optimizer, params, tensors, [1, 2])
    with pytest.raises(ConvergenceError, match="step 2: the update is not finite"):
        stepped(optimizer, params, tensors, [1, 0])
    assert np.allclose(params.values, [0.9, 0.95])


LIMIT = optimizers.SAFE_RATE, optimizers.SAFE_EPSILON
EXTREMES = {
    "sgd": lambda: SGD(LIMIT[0]),
    "nesterov": lambda: SGD(LIMIT[0], momentum=0.99999, nesterov=True),
    "rmsprop": lambda: RMSprop(LIMIT[0], decay=0.999999, epsilon=LIMIT[1]),
    "rmsprop without decay": lambda: RMSprop(LIMIT[0], decay=0, epsilon=LIMIT[1]),
    "adagrad": lambda: Adagrad(LIMIT[0], epsilon=LIMIT[1]),
    "adam": lambda: Adam(LIMIT[0], 0.999999, 0.999999, epsilon=LIMIT[1]),
    "adam that forgets squares": lambda: Adam(LIMIT[0], 0.999999, 0.0, epsilon=LIMIT[1]),
    "adamw": lambda: AdamW(LIMIT[0], beta2=0.0, epsilon=LIMIT[1], weight_decay=2 / LIMIT[0]),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_what_is_not_watched_is_finite_for_every_gradient_of_finite_length(name):
    """The longest gradients, the shortest, and none: in turns, for long, and at random."""
    optimizer, random = EXTREMES[name](), np.random.default_rng(0)
    params, tensors = ready(optimizer, np.zeros(3, np.float32))
    assert optimizer._is_safe(optimizer.lr)
    sizes = [1e19] * 20 + [0.0] * 20 + [1e-30] * 20 + [1e19, 0.0] * 10 + list(10 ** random.uniform(-45, 19, 60))
    for size in sizes:
        stepped(optimizer, params, tensors, size * random.choice([-1, 0, 1], 3))
        assert np.isfinite(params.values).all()


def test_the_length_of_the_gradient_is_kept_as_it_was_before_clipping():
    for clip in (None, 1.0):
        optimizer = SGD(0.1, clip_norm=clip)
        params, tensors = ready(optimizer, np.ones(2, np.float32))
        stepped(optimizer, params, tensors, [3, 4])
        assert optimizer.norm == 5


def test_a_step_without_parameters_and_another_models_optimizer_are_errors():
    with pytest.raises(UsageError, match="the optimizer has no parameters"):
        Adam().step()
    optimizer = Adam()
    params, _ = ready(optimizer, np.ones(2))
    optimizer.steps = 4
    optimizer.build(params)  # anew for the same model
    assert optimizer.steps == 0
    with pytest.raises(UsageError, match="belongs to another model; make a new optimizer for each model"):
        ready(optimizer, np.ones(2))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: SGD(0), "lr"), (lambda: SGD(-0.1), "lr"), (lambda: SGD(float("nan")), "lr"),
        (lambda: SGD("0.1"), "lr"), (lambda: SGD(0.1, momentum=1), "momentum"), (lambda: SGD(0.1, -0.5), "momentum"),
        (lambda: SGD(0.1, nesterov=True), "nesterov needs a momentum"), (lambda: RMSprop(decay=1), "decay"),
        (lambda: RMSprop(epsilon=0), "epsilon"), (lambda: Adagrad(epsilon=-1), "epsilon"),
        (lambda: Adam(beta1=1), "beta1"),
        (lambda: Adam(beta2=1), "beta2"), (lambda: Adam(epsilon=0), "epsilon"),
        (lambda: AdamW(weight_decay=-1), "weight_decay"), (lambda: SGD(weight_decay=-0.1), "weight_decay"),
        (lambda: Adam(clip_norm=0), "clip_norm"), (lambda: SGD(clip_norm=float("inf")), "clip_norm"),
    ],
)  # fmt: skip
def test_settings_are_checked(make, names):
    with pytest.raises(UsageError, match=names):
        make()


def test_the_names_of_options():
    assert set(NETWORK_OPTIMIZERS) == {"sgd", "rmsprop", "adagrad", "adam", "adamw"}
    assert DESCENT_OPTIMIZERS == ("gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
    with pytest.raises(UsageError, match=r"unknown optimizer: expected gd, .*, adamw, got newton"):
        named("newton", 0.1)


@pytest.mark.parametrize("name", RULES)
def test_a_row_of_the_table_makes_the_optimizer_that_it_describes(name):
    rule = RULES[name]
    optimizer = named(name, 0.1, clip_norm=2.0)
    assert type(optimizer).__name__ == rule.kind and (optimizer.lr, optimizer.clip_norm) == (0.1, 2.0)
    assert {option: getattr(optimizer, option) for option in rule.options} == rule.options
    assert rule.lr in (None, inspect.signature(type(optimizer)).parameters["lr"].default)
    assert rule.help and "\n" not in rule.help


@pytest.mark.parametrize("name", DESCENT_OPTIMIZERS)
def test_the_formulas_of_the_table_are_what_the_optimizer_does(name):
    optimizer, x, kept = named(name, 0.05), 2.0, {}
    params, (weight,) = ready(optimizer, np.array([x]))
    for k in range(1, 31):
        g = x**3 - 1
        for formula in RULES[name].formulas:
            left, right = formula.split(" <- ")
            expression = parse(right)
            known = {"x": x, "g": g, "lr": 0.05, "k": k, **kept}
            kept[left] = expression.evaluate({variable: known.get(variable, 0.0) for variable in expression.variables})
        x = kept.pop("x")
        stepped(optimizer, params, [weight], [g])
        assert weight.data[0] == pytest.approx(x, rel=1e-12)


def test_an_optimizer_that_changes_nothing_says_so():
    class Still(optimizers.Optimizer):
        def __init__(self):
            super().__init__(0.1, None)

    optimizer = Still()
    ready(optimizer, np.ones(2))
    with pytest.raises(UsageError, match=r"Still does not say how to change the parameters; define _update\(\)"):
        optimizer.step()


def test_the_rate_may_be_assigned_and_a_schedule_has_to_give_one():
    x = Parameter(np.array([3.0, 4.0], np.float32))
    optimizer = SGD(lr=0.1)
    optimizer.build(Parameters({"x": x}))
    optimizer.lr = 0.5
    (x * 1).sum().backward()
    optimizer.step()
    assert x.data.tolist() == [2.5, 3.5] and optimizer.lr == 0.5
    optimizer.lr = lambda step: 0.25 * step
    assert optimizer.lr == 0.25
    for wrong in (None, "fast", math.nan, -1.0):
        with pytest.raises(UsageError, match="schedule's rate of step 1"):
            optimizer.lr = lambda step, rate=wrong: rate
            optimizer.step()
    with pytest.raises(UsageError, match="lr"):
        optimizer.lr = -1
    with pytest.raises(UsageError, match="needs the parameters of a model"):
        SGD().build([x])


@pytest.mark.parametrize(
    "rate", [0.25, Step(0.5, every=3), Cosine(0.4, steps=9, warmup=2)], ids=["number", "step", "cosine"]
)
def test_the_state_holds_the_rate_that_was_assigned(rate):
    first, second = SGD(lr=Step(1.0, every=2)), SGD(lr=Step(1.0, every=2))
    for optimizer in (first, second):
        ready(optimizer, np.ones(2))
    first.lr = rate
    first.step()
    second.load_state(json.loads(json.dumps(first.state())))
    assert type(second.schedule) is type(first.schedule)
    rates = []
    for optimizer in (first, second):
        rates.append([optimizer.lr])
        for _ in range(5):
            optimizer.step()
            rates[-1].append(optimizer.lr)
    assert rates[0] == rates[1]


def test_a_rate_of_the_users_own_has_to_be_there_for_a_state_that_followed_one():
    def own(step):
        return 0.5 / (1 + step)

    first, second = SGD(lr=0.1), SGD(lr=0.1)
    for optimizer in (first, second):
        ready(optimizer, np.ones(2))
    first.lr = own
    first.step()
    with pytest.raises(UsageError, match=r"followed a schedule of your own.*; assign it to the optimizer's `lr` first"):
        second.load_state(first.state())
    assert (second.steps, second.lr) == (0, 0.1)
    second.lr = own
    second.load_state(first.state())
    assert (second.steps, second.lr) == (1, 0.25)


def test_an_assigned_gradient_is_the_one_that_counts():
    x = Parameter(np.array([3.0, 4.0], np.float32))
    params = Parameters({"x": x})
    optimizer = SGD(lr=1.0)
    optimizer.build(params)
    for gradient in (np.array([1.0, 2.0]), [1, 2], Parameter(np.array([1.0, 2.0]))):
        params.values = [3, 4]
        x.grad = gradient
        optimizer.step()
        assert x.data.tolist() == [2, 2] and np.shares_memory(x.grad, params.gradients)
    x.grad = None
    optimizer.step()
    assert x.data.tolist() == [2, 2]
    params.gradients = [1, 1]
    optimizer.step()
    assert x.data.tolist() == [1, 1]
