"""`Classifier` and `Regressor`: networks with the interface of scikit-learn's estimators, which need no scikit-learn.

They are duck-typed: what scikit-learn asks of an estimator is here, with the attributes and messages that it looks for.
All learning is that of `Sequential`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from brainbox_core import optimizers
from brainbox_core.data import StandardScaler
from brainbox_core.errors import ConvergenceError, UsageError, whole
from brainbox_core.kernels.dense import log_softmax, softmax
from brainbox_core.layers import Dropout, Layer, Linear
from brainbox_core.model import arrays
from brainbox_core.model.sequential import Sequential
from brainbox_core.network.learner import History
from brainbox_core.optimizers import Optimizer
from brainbox_core.schedules import Schedule
from brainbox_core.tensor import Tensor, no_grad
from brainbox_core.training import labels
from brainbox_core.training.callbacks import EarlyStopping

_ROWS = 256  # of a batch whose answers are computed


@dataclass(kw_only=True, eq=False, repr=False)
class _Estimator:
    """What both have in common. The fields are the parameters: kept as given, and looked at by `fit`."""

    hidden: Sequence[int | Layer] | int = (64,)
    activation: Any = "relu"
    dropout: float = 0.0
    optimizer: str | Optimizer = "adam"
    learning_rate: float | Schedule | None = None
    epochs: int = 100
    batch_size: int = 32
    validation_split: float = 0.0
    patience: int = 10
    scale: bool = True
    random_state: Any = None
    verbose: bool | int | None = 0

    # --- what scikit-learn asks ----------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Args:
            deep: for scikit-learn, where estimators may hold others.
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters, by name.

        Raises:
            UsageError: there is no such parameter.
        """
        known = list(self.get_params())
        for name, value in params.items():
            if name not in known:
                raise UsageError(f"{type(self).__name__} has no such parameter", expected=", ".join(known), got=name)
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self)).parameters.items()
        given = {name: (getattr(self, name), parameter.default) for name, parameter in parameters}
        changed = [f"{name}={value!r}" for name, (value, default) in given.items() if repr(value) != repr(default)]
        return f"{type(self).__name__}({', '.join(changed)})"

    # --- learning and answering ----------------------------------------------------------------------------------

    def _train(self, X: Any, y: np.ndarray, outputs: int, loss: str, weights: np.ndarray | None) -> None:
        """Make the network and train it; everything that `fit` learns is set at the end.

        Args:
            y: targets as the loss takes them.
            weights: (n,) how much each row counts; those of 0 are left out.
        """
        names, X = arrays.column_names(X), arrays.inputs(X)
        if len(X) != len(y):
            raise UsageError("X and y need one row for each other", got=f"{len(X)} and {len(y)}")
        width = X.shape[1]
        if weights is not None:
            counted = weights > 0
            X, y, weights = X[counted], y[counted], weights[counted]
        scaler = StandardScaler().fit(X.reshape(-1, X.shape[-1])) if self.scale else None
        model = Sequential([*self._layers(), Linear(outputs)], seed=_seed(self.random_state))
        model.compile(self._optimizer(), loss)
        self.history_: History = model.fit(
            X if scaler is None else scaler.transform(X),
            y,
            epochs=self.epochs,
            batch_size=self.batch_size,
            validation_split=self.validation_split,
            callbacks=[EarlyStopping(patience=self.patience)] if self.validation_split else [],
            verbose=self.verbose,
            sample_weight=weights,
        )
        self.model_, self.scaler_, self.n_iter_, self.n_features_in_ = model, scaler, len(self.history_), width
        self.__dict__.pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names

    def _layers(self) -> list[Layer]:
        """The layers before the last, which are this training's own."""
        layers: list[Layer] = []
        for entry in self.hidden if isinstance(self.hidden, list | tuple) else [self.hidden]:
            if isinstance(entry, Layer):
                layers.append(copy.deepcopy(entry))
            else:
                layers.append(Linear(whole("hidden", entry), activation=copy.deepcopy(self.activation)))
                layers += [Dropout(self.dropout)] if self.dropout else []
        return layers

    def _optimizer(self) -> Optimizer:
        if not isinstance(self.optimizer, Optimizer):
            return optimizers.named(str(self.optimizer), self.learning_rate)
        optimizer = copy.deepcopy(self.optimizer)
        if self.learning_rate is not None:
            optimizer.lr = self.learning_rate
        return optimizer

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says of each row, in float64."""
        if not hasattr(self, "model_"):
            what = f"This {type(self).__name__} instance is not fitted yet; call fit(X, y) first"
            raise arrays.theirs("NotFittedError", UsageError)(what)
        seen, names = getattr(self, "feature_names_in_", None), arrays.column_names(X)
        if seen is not None and names is not None and not np.array_equal(seen, names):
            what = "The feature names should match those that were passed during fit"
            raise UsageError(what, expected=", ".join(seen), got=", ".join(names))
        X, model = arrays.inputs(X), self.model_
        if X.shape[1] != self.n_features_in_:
            name, known = type(self).__name__, self.n_features_in_
            raise UsageError(f"X has {X.shape[1]} features, but {name} is expecting {known} features as input")
        if X.shape[1:] != model.input_shape:
            raise UsageError("X is of another shape", expected=("n", *model.input_shape), got=X.shape)
        with no_grad(), np.errstate(all="ignore"):
            if self.scaler_ is not None:
                X = self.scaler_.transform(X)
            batches = (model.inputs(X[start : start + _ROWS]) for start in range(0, len(X), _ROWS))
            # The last bits of a product in float32 depend on what rows come along, which scikit-learn does not forgive.
            outputs = np.concatenate([model.forward(Tensor(x.data.astype(np.float64))).data for x in batches])
        if not np.isfinite(outputs).all():
            fix = "give inputs like those of the training"
            raise ConvergenceError("the prediction is not a finite number", fix=fix)
        return outputs

    def _answers(self, X: Any, y: np.ndarray) -> np.ndarray:
        """The predictions that targets are compared with, in their shape."""
        predicted: np.ndarray = self.predict(X)  # type: ignore[attr-defined]  # of either class below
        if predicted.shape != y.shape:
            raise UsageError("y", expected=f"shape {predicted.shape}", got=y.shape)
        return predicted


@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(_Estimator):
    """A network that tells classes apart, as an estimator of scikit-learn.

    Args:
        hidden: the units of each hidden layer, from the inputs on; `()` for none, which is a logistic regression. May
            hold layers of your own choice, such as `[bb.layers.Conv2D(8, kernel=3), bb.layers.Flatten(), 32]`. The last
            layer is never named here: it has an output for each class.
        activation: what comes behind each of `hidden` that is a number: a name such as "tanh", a layer, or None.
        dropout: the share of units, from 0 to less than 1, that is left out behind each of them in training.
        optimizer: a name such as "sgd", or an object such as `bb.optimizers.AdamW(weight_decay=0.1)`.
        learning_rate: a number or a schedule of `bb.schedules`; the optimizer's usual one if left out.
        epochs: passes over the rows, at most.
        batch_size: rows of one update.
        validation_split: the share of rows (of every class), from 0 to less than 1, that is kept for validation. The
            training then ends early, and with the weights of its best epoch.
        patience: epochs in a row without a better validation loss that are put up with.
        scale: whether inputs are standardised: every column, or channel of pictures, to mean 0 and deviation 1.
        random_state: of the starting weights, the order of rows and dropout: a whole number from 0, a
            `numpy.random.RandomState`, or None for other numbers in each training.
        verbose: 1 shows a line an epoch, 0 nothing, None shows them on a terminal and in a notebook.
        class_weight: how much the rows of each label count, 1 for those it does not name; "balanced" gives every class
            the same weight in all.

    Attributes:
        classes_: the labels, sorted; (classes,).
        model_: the trained `bb.Sequential`; it takes inputs that are standardised.
        scaler_: the `bb.data.StandardScaler` that does so; None without `scale`.
        history_: the logs of every epoch.
        n_iter_: epochs that were trained.
        n_features_in_: columns of the inputs.
        feature_names_in_: their names, where the inputs came with names, as in a pandas frame.

    Example:
        >>> import numpy as np
        >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> y = ["same", "different", "different", "same"]
        >>> classifier = Classifier(hidden=(16,), learning_rate=0.05, random_state=0).fit(X, y)
        >>> classifier.predict(X).tolist(), classifier.score(X, y)
        (['same', 'different', 'different', 'same'], 1.0)
    """

    class_weight: Mapping[Any, float] | str | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows, anew each time.

        Args:
            X: inputs, (n, columns), or (n, ...) as the layers of `hidden` take them.
            y: (n,) labels: names, whole numbers or booleans, of at least two classes.
            sample_weight: (n,) how much each row counts, from 0. Validation weighs nothing.

        Raises:
            UsageError: a parameter or an array cannot be used.
            ConvergenceError: the training diverged.
        """
        y = arrays.labels(y)
        classes, numbers = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            shown = f"{len(classes)} class{': ' * len(classes)}{', '.join(map(repr, classes.tolist()))}"
            raise UsageError("a classifier needs rows of at least two classes", got=shown)
        weights = labels.row_weights(y, self.class_weight, sample_weight)
        self._train(X, numbers, len(classes), "cross_entropy", weights)
        if labels.are_names(classes):
            self.model_.meta["classes"] = classes.tolist()
        self.classes_ = classes
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row, (n,)."""
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (n, classes), in the order of `classes_`."""
        return softmax(self._outputs(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of the probabilities, (n, classes)."""
        return log_softmax(self._outputs(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy: the share of rows, or of their weight, whose label is predicted."""
        y = arrays.labels(y)
        return float(np.average(self._answers(X, y) == y, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags("classifier", TargetTags(True), None, ClassifierTags(), input_tags=InputTags(three_d_array=True))


@dataclass(kw_only=True, eq=False, repr=False)
class Regressor(_Estimator):
    """A network that predicts quantities, as an estimator of scikit-learn. It makes the squared error small.

    Args:
        scale: whether inputs are standardised, and targets too; predictions are in the targets' own units.

    The other arguments and the attributes are those of `Classifier`, without `class_weight` and `classes_`; the last
    layer has an output for each column of the targets.

    Example:
        >>> import numpy as np
        >>> X = np.linspace(-2, 2, 50).reshape(-1, 1)
        >>> regressor = Regressor(random_state=0, learning_rate=0.01).fit(X, 1000 * X[:, 0] ** 2)
        >>> regressor.score(X, 1000 * X[:, 0] ** 2) > 0.99
        True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows, anew each time.

        Args:
            X: inputs, (n, columns), or (n, ...) as the layers of `hidden` take them.
            y: (n,) quantities, or (n, quantities) for several.
            sample_weight: (n,) how much each row counts, from 0. Validation weighs nothing.

        Raises:
            UsageError: a parameter or an array cannot be used.
            ConvergenceError: the training diverged.
        """
        y = arrays.quantities(y)
        table = y.reshape(len(y), -1)
        weights = labels.row_weights(table[:, 0], None, sample_weight)
        scaler = StandardScaler().fit(table if weights is None else table[weights > 0]) if self.scale else None
        self._train(X, table if scaler is None else scaler.transform(table), table.shape[1], "mse", weights)
        self.target_scaler_, self._shape = scaler, y.shape[1:]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The quantities of each row, in the shape of the targets."""
        outputs = self._outputs(X)
        if self.target_scaler_ is not None:
            outputs = self.target_scaler_.inverse(outputs)
        return outputs.reshape(-1, *self._shape)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², the share of the targets' variance that is explained, its mean over several quantities.

        See `bb.metrics.r2`. Of targets that are all equal it is 1 if they are met exactly, else 0.
        """
        y = arrays.quantities(y)
        predicted = self._answers(X, y)
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        errors = weights @ ((y - predicted) ** 2).reshape(len(y), -1)
        spread = weights @ ((y - np.average(y, axis=0, weights=weights)) ** 2).reshape(len(y), -1)
        return float(np.mean(np.where(spread > 0, 1 - errors / np.where(spread > 0, spread, 1), errors == 0)))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        target = TargetTags(True, multi_output=True)
        return Tags("regressor", target, regressor_tags=RegressorTags(), input_tags=InputTags(three_d_array=True))


def _seed(random_state: Any) -> int:
    """A seed, drawn as scikit-learn does it from a generator of the older kind, or from NumPy's global one."""
    if random_state is None:
        return int(np.random.randint(2**31))  # noqa: NPY002  # what users of scikit-learn seed with np.random.seed()
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return whole("random_state", random_state, 0)
