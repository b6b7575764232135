"""`Sequential`: layers one after another, with what it takes to train, use and keep them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from brainbox_core import __version__, layers, loss
from brainbox_core.data import Augment, DataLoader, stratified_split
from brainbox_core.errors import ConvergenceError, InputError, UsageError, between, check_memory, whole
from brainbox_core.kernels.sparse import Rows, SparseRows
from brainbox_core.layers import Layer
from brainbox_core.layers.base import Shape
from brainbox_core.layers.fusion import fast_plan
from brainbox_core.loss import Loss
from brainbox_core.model import saving, training
from brainbox_core.model.callbacks import Callback
from brainbox_core.model.network import History
from brainbox_core.model.summary import Row, Summary
from brainbox_core.optimizers import Optimizer
from brainbox_core.parameters import Parameters
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor, no_grad

Part = TypeVar("Part")
_COPIES = 5  # of the parameters while training: values, gradients, two moments, scratch


class _Built(NamedTuple):
    """What a model has once it knows the shape of its inputs."""

    shapes: list[Shape]  # of one input, then of one output of each layer
    params: Parameters
    plan: list[Callable[..., Tensor]]


class Sequential:
    """A chain of layers.

    Args:
        layers: the layers in order. Each finds out its input size when the model is built, which `fit` does.
        seed: of the starting weights, the order of batches, and dropout; 64 bits.

    Attributes:
        built: whether the parameters are there. What needs them is refused before: `params` (all of them),
            `input_shape` and `output_shape` (of one input and one output).
        optimizer: given to `compile`; refused before.
        loss: given to `compile`, or found in the model's file; refused before.
        history: the logs of every epoch so far.
        epoch: epochs trained so far.
        meta: whatever else the model file should hold, in JSON types (class names, where the data came from).

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(8), bb.layers.Tanh(), bb.layers.Linear(2)])
        >>> model.compile(optimizer=bb.optimizers.Adam(lr=0.05), loss=bb.loss.CrossEntropy())
        >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        >>> history = model.fit(X, np.array([0, 1, 1, 0]), epochs=100)
        >>> model.predict(X).argmax(axis=1)
        array([0, 1, 1, 0])
    """

    def __init__(self, layers: Sequence[Layer], seed: int = 0):
        if not isinstance(layers, Sequence):
            raise UsageError("layers", expected="a list of layers", got=repr(layers), fix="bb.Sequential([...])")
        self.layers = list(layers)
        self.seed = whole("seed", seed, 0)
        if self.seed >= 2**64:  # found now and not when the trained model is saved: its file holds 64 bits
            raise UsageError("seed", expected="a whole number below 2**64", got=seed)
        self._built: _Built | None = None
        self._optimizer: Optimizer | None = None
        self._loss: Loss | None = None
        self.history: History = []
        self.epoch = 0
        self.stop_training = False
        self.meta: dict[str, Any] = {}
        if not self.layers:
            raise UsageError("a model needs at least one layer")
        seen: set[int] = set()
        for position, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                hint = f"write {layer.__name__}(...)" if isinstance(layer, type) else "subclass bb.layers.Layer"
                raise UsageError(f"layer {position} is not a layer", got=repr(layer), fix=hint)
            if layer.position is not None or id(layer) in seen:
                what = f"layer {position} ({type(layer).__name__}) is already part of a model"
                raise UsageError(what, fix="make a new layer for each place")
            seen.add(id(layer))
        counts: dict[str, int] = {}
        for position, layer in enumerate(self.layers):  # only now: layers of a list that was refused stay free
            kind = type(layer).__name__.lower()
            counts[kind] = counts.get(kind, -1) + 1
            layer.name, layer.position = f"{kind}_{counts[kind]}", position

    # --- getting ready -------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> Shape:
        """Make the parameters for inputs of a shape (without the batch axis); returns the shape of one output.

        Raises:
            UsageError: the layers do not fit the inputs or each other, or the parameters do not fit into memory.
        """
        if self.built:
            raise UsageError("the model is already built", where=f"inputs of shape {self.input_shape}")
        shape, shapes, count = tuple(input_shape), [tuple(input_shape)], 0
        for layer in self.layers:
            count += layer.cost(shape).parameters if _knows_its_shape(layer) else 0
            _afford(count, layer)
            built = layer.build(shape, stream(self.seed, "init", layer.name))
            if not isinstance(built, tuple | list):
                raise UsageError(f"build() of {layer.label} has to return the shape of one output", got=repr(built))
            shape = tuple(built)
            shapes.append(shape)
        named = {
            f"{layer.name}/{name}": parameter for layer in self.layers for name, parameter in layer.parameters.items()
        }
        params = Parameters(named)
        if self._optimizer is not None:
            self._optimizer.build(params)
        self._built = _Built(shapes, params, fast_plan(self.layers))
        return shape

    def compile(self, optimizer: Optimizer, loss: Loss) -> None:
        """Say how to train: the optimizer and the loss. An optimizer starts anew with each compile."""
        if not isinstance(optimizer, Optimizer):
            raise UsageError("compile() needs an optimizer", got=repr(optimizer), fix="bb.optimizers.Adam()")
        if not isinstance(loss, Loss):
            raise UsageError("compile() needs a loss", got=repr(loss), fix="bb.loss.CrossEntropy()")
        last = self.layers[-1]
        if type(loss).__name__ == "CrossEntropy" and isinstance(last, layers.Softmax):
            raise UsageError("CrossEntropy takes logits, and would take a softmax twice", fix=f"remove {last.label}")
        if type(loss).__name__ == "BinaryCrossEntropy" and isinstance(last, layers.Sigmoid):
            raise UsageError("BinaryCrossEntropy takes logits", fix=f"remove {last.label}")
        if self._built is not None:
            optimizer.build(self._built.params)
        self._optimizer, self._loss = optimizer, loss

    @property
    def built(self) -> bool:
        return self._built is not None

    @property
    def params(self) -> Parameters:
        return self._parts("params").params

    @property
    def input_shape(self) -> Shape:
        return self._parts("input_shape").shapes[0]

    @property
    def output_shape(self) -> Shape:
        return self._parts("output_shape").shapes[-1]

    @property
    def compiled(self) -> bool:
        return self._optimizer is not None

    @property
    def optimizer(self) -> Optimizer:
        return _compiled("optimizer", self._optimizer)

    @property
    def loss(self) -> Loss:
        return _compiled("loss", self._loss)

    @loss.setter
    def loss(self, loss: Loss) -> None:
        self._loss = loss

    # --- training and using --------------------------------------------------------------------------------------

    def fit(
        self,
        X: Rows,
        y: np.ndarray,
        epochs: int = 1,
        batch_size: int = 32,
        validation_split: float = 0.0,
        validation_data: tuple[Rows, np.ndarray] | None = None,
        callbacks: Sequence[Callback] = (),
        augment: Augment | None = None,
    ) -> History:
        """Train, and end with the weights of the epoch with the lowest validation loss (the last, without validation).

        Args:
            X: inputs (n, ...). uint8 is read as pixels, 0 to 255 becoming 0 to 1, batch by batch. May be `SparseRows`
                where the first layer is a `Linear`.
            y: targets that fit the loss, (n, ...).
            epochs: passes over the data; without validation, fit(1) k times does what fit(k) does.
            batch_size: rows of one update.
            validation_split: share of the rows (of every class) kept for validation, from 0 to less than 1.
            validation_data: (X, y) to validate on instead.
            callbacks: see `bb.callbacks`; `bb.callbacks.Progress()` shows the training.
            augment: changes each batch of inputs before it is trained on, such as `bb.augment.Warp(shift=2)`.

        Returns:
            The logs of every epoch: epoch, train_loss, val_loss and other metrics, lr, time_s.

        Raises:
            UsageError: fit before compile, or data, labels and layers that do not fit each other.
            ConvergenceError: a loss, gradient or update is not finite; raised before it reaches the weights.
        """
        _compiled("fit()", self._optimizer)
        _check_beside(callbacks, augment, validation_split, validation_data)
        X = _array(X)
        if not self.built:
            self.build(X.shape[1:])
        if not len(self.params):
            raise UsageError("no layer of the model learns anything", fix="add one that does: bb.layers.Linear(units)")
        X, y = self._check(X), self.loss.targets(y, self.output_shape)
        rows = None
        if validation_split:
            rows, held = stratified_split(y, validation_split, self.seed)
            validation_data = X.take(held, axis=0), y[held]
        elif validation_data is not None:  # found out now and not after the first epoch
            validation_data = self._check(_array(validation_data[0])), self._targets(*validation_data)
        loader = DataLoader(X, y, batch_size, self.seed, indices=rows, augment=augment)
        return training.train(self, loader, epochs, validation_data, callbacks)

    def evaluate(self, X: Rows, y: np.ndarray, batch_size: int = 256) -> dict[str, float]:
        """The mean loss, and what else the loss shows beside it, such as accuracy."""
        loss = _compiled("evaluate()", self._loss)
        self._parts("evaluate()")
        y = self._targets(X, y)
        outputs = self._outputs(X, batch_size)
        with np.errstate(all="ignore"):
            value = loss(Tensor(outputs), y).item()
        return {"loss": value, **loss.metrics(y, outputs)}

    def predict(self, X: Rows, batch_size: int = 256) -> np.ndarray:
        """The outputs for a batch of inputs: logits for a classifier, (n, ...).

        Raises:
            UsageError: the model is not built, or one input came without the batch axis.
            ConvergenceError: an output is not a finite number.
        """
        outputs = self._outputs(X, batch_size)
        if not np.isfinite(outputs).all():
            raise ConvergenceError(
                "the prediction is not a finite number", fix="train again with a smaller learning rate"
            )
        return outputs

    def forward(self, x: Tensor | SparseRows, training: bool = False) -> Tensor:
        """The outputs for a batch as a tensor, with the graph that leads back to the parameters."""
        y: Any = x
        for step in self._parts("forward()").plan:
            y = step(y, training)
        return y

    def activations(self, X: Rows) -> dict[str, np.ndarray]:
        """What every layer makes of a batch, by the layer's name."""
        x: Any = self.inputs(self._check(_array(X)))
        seen = {}
        with no_grad():
            for layer in self.layers:
                x = layer(x)
                seen[layer.name] = x.data
        return seen

    def inputs(self, X: Rows) -> Tensor | SparseRows:
        """A batch as the first layer takes it: float32, and pixels (uint8) from 0 to 1, as X / 255 has them."""
        if isinstance(X, SparseRows):
            return X
        if X.ndim != 1 + len(self.input_shape):  # a last axis of 1 too many or too few
            X = X.reshape(len(X), *self.input_shape)
        if X.dtype == np.uint8 and not self.layers[0].takes_ids:
            return Tensor(np.divide(X, np.float32(255), dtype=np.float32))
        return Tensor(X.astype(np.float32, copy=False))

    def config(self) -> list[dict]:
        """The layers by kind and arguments, in JSON types: what a model file says of them."""
        return [{"kind": type(layer).__name__, "config": layer.config()} for layer in self.layers]

    def summary(self) -> Summary:
        """The layers as a table: output shapes, parameters, multiply-adds, activation bytes, totals."""
        rows, shapes = [], self._parts("summary()").shapes
        for layer, before, after in zip(self.layers, shapes, shapes[1:], strict=False):
            cost = layer.cost(before)
            row = Row(layer.name, type(layer).__name__, after, cost.parameters, cost.multiply_adds, 4 * cost.outputs)
            rows.append(row)
        return Summary(self.input_shape, rows)

    # --- keeping -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """A copy of everything that was learned: parameters and buffers by name."""
        return {name: array.copy() for name, array in self._arrays("state()").items()}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Put back what `state()` gave.

        Raises:
            UsageError: the names, shapes or dtypes are not those of this model.
        """
        arrays = self._arrays("load_state()")
        if odd := sorted(set(arrays) ^ set(state)):
            raise UsageError(f"the arrays and the model's layers differ in '{odd[0]}'")
        for name, array in arrays.items():
            if (state[name].shape, state[name].dtype) != (array.shape, array.dtype):
                got = f"{state[name].dtype} {state[name].shape}"
                raise UsageError(f"'{name}' does not fit", expected=f"{array.dtype} {array.shape}", got=got)
        for name, array in arrays.items():
            array[...] = state[name]
        self.params.touched()

    def save(self, path: str | Path) -> None:
        """Write the model as one .safetensors file, replaced as a whole.

        Raises:
            UsageError: the model is not built, or holds a layer of your own, which a file cannot bring back.
            InputError: the file cannot be written.
        """
        arrays = self._arrays("save()")
        for layer in self.layers:
            if layers.KINDS.get(type(layer).__name__) is not type(layer):
                raise UsageError(
                    f"{layer.label} is of your own making, and a file could not bring it back",
                    fix="keep model.state() with numpy.savez()",
                )
        meta: dict[str, Any] = {
            "kind": "sequential",
            **self.meta,
            "seed": self.seed,
            "input_shape": list(self.input_shape),
            "layers": self.config(),
            "versions": {"brainbox": __version__, "numpy": np.__version__},
        }
        if self._loss is not None:
            meta["loss"] = {"kind": type(self.loss).__name__, "config": self.loss.config()}
        saving.save_model(path, arrays, meta)

    @classmethod
    def load(cls, path: str | Path, kind: str | None = None) -> Sequential:
        """A model from a file, ready to predict; its `meta` is what the file says beside the weights.

        Args:
            path: the file.
            kind: the kind of model that is wanted, such as "mnist"; any if left out.

        Raises:
            InputError: the file is missing, damaged, foreign, of another kind, or holds layers that do not fit.
        """
        arrays, meta = saving.load_model(path, kind)
        try:
            model = cls([_rebuild(entry, layers.KINDS, "layer") for entry in meta["layers"]], seed=meta["seed"])
            model._expect(tuple(meta["input_shape"]), arrays)
            model.build(tuple(meta["input_shape"]))
            model.load_state(arrays)
            if "loss" in meta:
                model.loss = _rebuild(meta["loss"], loss.KINDS, "loss")
        except (UsageError, KeyError, TypeError, ValueError) as error:
            reason = error.line if isinstance(error, UsageError) else f"its description is malformed ({error})"
            raise InputError(
                reason, where=str(path), fix="the file does not describe a model; train it again"
            ) from None
        model.meta = meta
        return model

    def _expect(self, shape: Shape, arrays: dict[str, np.ndarray]) -> None:
        """Refuse layers whose shapes the file's tensors do not have, before any memory is taken for them."""
        for layer in self.layers:
            for name, wanted in layer.parameter_shapes(shape).items():
                found = arrays.get(f"{layer.name}/{name}")
                if found is None or found.shape != wanted:
                    got = "none" if found is None else found.shape
                    raise UsageError(f"{layer.label} expects its {name} to be", expected=wanted, got=got)
            shape = layer.output_shape(shape)

    def _arrays(self, what: str) -> dict[str, np.ndarray]:
        arrays = {name: parameter.data for name, parameter in self._parts(what).params.named.items()}
        for layer in self.layers:
            arrays |= {f"{layer.name}/{name}": array for name, array in layer.buffers.items()}
        return arrays

    # --- checks --------------------------------------------------------------------------------------------------

    def _outputs(self, X: Rows, batch_size: int) -> np.ndarray:
        X = self._check(_array(X))
        whole("batch_size", batch_size)
        with no_grad(), np.errstate(all="ignore"):
            parts = [self.forward(self.inputs(X[i : i + batch_size])).data for i in range(0, len(X), batch_size)]
        return np.concatenate(parts) if parts else np.zeros((0, *self.output_shape), np.float32)

    def _check(self, X: Rows) -> Rows:
        """Inputs whose shape fits the model; a last axis of 1 may be there or not."""
        want = self._parts("predict()").shapes[0]
        if X.shape[1:] in (want, (*want, 1)) or (*X.shape[1:], 1) == want:
            return X
        if X.shape in (want, (*want, 1)) or (*X.shape, 1) == want:
            raise UsageError(
                "one input without a batch axis", got=f"shape {X.shape}", fix="X[None] makes it a batch of one"
            )
        raise UsageError("inputs do not fit the model", expected=("n", *want), got=X.shape)

    def _targets(self, X: Rows, y: np.ndarray) -> np.ndarray:
        """Targets to evaluate on: as many as there are inputs, and at least one."""
        y = self.loss.targets(y, self.output_shape)
        if len(X) != len(y) or not len(y):
            raise UsageError("X and y need one row for each other, and at least one", got=f"{len(X)} and {len(y)}")
        return y

    def _parts(self, what: str) -> _Built:
        if self._built is None:
            raise UsageError(f"{what} before the model is built", fix="fit() it, or build(input_shape)")
        return self._built


def _compiled(what: str, part: Part | None) -> Part:
    if part is None:
        raise UsageError(f"{what} before compile()", fix="model.compile(optimizer=bb.optimizers.Adam(), loss=...)")
    return part


def _check_beside(callbacks: object, augment: object, split: object, data: object) -> None:
    """Refuse what `fit` is given beside rows and targets and cannot use."""
    if not isinstance(callbacks, Sequence):
        raise UsageError("callbacks", expected="a list", got=repr(callbacks), fix="callbacks=[...]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = f"write {callback.__name__}(...)" if isinstance(callback, type) else "subclass bb.callbacks.Callback"
            raise UsageError("callbacks holds something else", got=repr(callback), fix=hint)
    if augment is not None and not callable(augment):
        raise UsageError("augment", expected="a function of images", got=repr(augment), fix="bb.augment.Warp(shift=2)")
    between("validation_split", split, 0, 1, below=True)
    if data is None:
        return
    if split:
        raise UsageError("give validation_split or validation_data, not both")
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise UsageError("validation_data", expected="inputs and their targets: (X, y)", got=type(data).__name__)


def _array(X: Rows) -> Rows:
    if isinstance(X, SparseRows):
        return X
    try:
        X = np.asarray(X)
    except ValueError:  # a list of rows of different lengths
        raise UsageError("X must be an array of real numbers", got="rows of different lengths") from None
    if X.dtype.kind not in "fiub" or X.ndim < 1:
        raise UsageError("X must be an array of real numbers", got=f"{X.dtype}, shape {X.shape}")
    return X


def _knows_its_shape(layer: Layer) -> bool:
    """Whether a layer can say its output's shape without being built (those of users may have to be tried)."""
    return type(layer).output_shape is not Layer.output_shape


def _afford(count: int, layer: Layer) -> None:
    """Refuse more parameters than the machine has memory to train."""
    what = f"{layer.label} brings the model to {count:,} parameters"
    check_memory(what, 4 * _COPIES * count, "make the layers smaller")


def _rebuild(entry: dict, kinds: dict, what: str):
    """An object from its name and arguments in a model file; only known names are ever looked up."""
    if entry["kind"] not in kinds:
        raise UsageError(f"unknown {what}", expected=", ".join(kinds), got=repr(entry["kind"]))
    return kinds[entry["kind"]](**entry["config"])
