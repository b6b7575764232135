"""`Sequential`: layers one after another, with what it takes to train, use and keep them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from brainbox_core import layers
from brainbox_core.data import Augment, DataLoader, real_array, stratified_split
from brainbox_core.errors import ConvergenceError, UsageError, check_memory, sizes, whole
from brainbox_core.kernels.sparse import Rows, SparseRows
from brainbox_core.layers import Layer, initializers
from brainbox_core.layers.base import Shape, adopt, freeze, join, learned
from brainbox_core.layers.fusion import fast_plan
from brainbox_core.loss import Loss
from brainbox_core.model import checkpoint as checkpoints
from brainbox_core.model import heads, ranges, saving, sharing, training
from brainbox_core.model.callbacks import Callback
from brainbox_core.model.network import History
from brainbox_core.model.summary import Summary, summarize
from brainbox_core.optimizers import Optimizer
from brainbox_core.parameters import Parameters, fill
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor, no_grad

Part = TypeVar("Part")
_COPIES = 5  # of the parameters while training: values, gradients, two moments, scratch


class _Built(NamedTuple):
    """What a model has once it knows the shape of its inputs."""

    layers: list[Layer]  # as they were then
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
        training: the one that is under way, or the last one; None before the first.
        unfinished: of a loaded checkpoint, the training that `fit` goes on with; None has it begin anew.

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
        self.training: checkpoints.Training | None = None
        self.unfinished: checkpoints.Saved | None = None
        if not self.layers:
            raise UsageError("a model needs at least one layer")
        adopt(self.layers)

    # --- getting ready -------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> Shape:
        """Make the parameters for inputs of a shape (without the batch axis); returns the shape of one output.

        Raises:
            UsageError: the layers do not fit the inputs or each other, or the parameters do not fit into memory.
        """
        if self.built:
            raise UsageError("the model is already built", where=f"inputs of shape {self.input_shape}")
        if any(layer.position != position for position, layer in enumerate(self.layers)):
            raise self._changed()
        shape, count = sizes("input_shape", input_shape), 0
        shapes = [shape]
        for layer in self.layers:
            if type(layer).output_shape is not Layer.output_shape:  # else it may have to be built to know its cost
                count += layer.cost(shape).parameters
            what = f"{layer.label} brings the model to {count:,} parameters"
            check_memory(what, 4 * _COPIES * count, "make the layers smaller")
            built = layer.build(shape, stream(self.seed, "init", layer.name))
            if not isinstance(built, tuple | list):
                raise UsageError(f"build() of {layer.label} has to return the shape of one output", got=repr(built))
            shape = tuple(built)
            shapes.append(shape)
        params = Parameters(learned(self.layers))
        if self._optimizer is not None:
            heads.check_head(self.layers, shapes, self.loss)
            self._optimizer.build(params)
        join(self.layers, self.seed)
        self._built = _Built(list(self.layers), shapes, params, fast_plan(self.layers))
        return shape

    def compile(self, optimizer: Optimizer, loss: Loss) -> None:
        """Say how to train: the optimizer and the loss. An optimizer starts anew with each compile."""
        if not isinstance(optimizer, Optimizer):
            raise UsageError("compile() needs an optimizer", got=repr(optimizer), fix="bb.optimizers.Adam()")
        if not isinstance(loss, Loss):
            raise UsageError("compile() needs a loss", got=repr(loss), fix="bb.loss.CrossEntropy()")
        heads.check_head(self.layers, self._built and self._built.shapes, loss)
        if self._built is not None:
            optimizer.build(self._built.params)
        self._optimizer, self._loss = optimizer, loss

    @property
    def built(self) -> bool:
        return self._built is not None

    @property
    def trainable(self) -> bool:
        """Whether any layer learns; setting it freezes all of them, or none."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        for layer in self.layers:
            layer.trainable = trainable

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
        return _given("optimizer", self._optimizer)

    @property
    def loss(self) -> Loss:
        return _given("loss", self._loss)

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
        drop_last: bool = False,
    ) -> History:
        """Train, and end with the weights of the epoch with the lowest validation loss (the last, without validation).

        Args:
            X: inputs (n, ...). uint8 pictures, (n, H, W) or (n, H, W, C), are read as pixels, 0 to 255 becoming 0 to 1,
                batch by batch; a table of uint8 holds numbers, as of any other type. May be `SparseRows` where the
                first layer is a `Linear`.
            y: targets that fit the loss, (n, ...).
            epochs: passes over the data; without validation, fit(1) k times does what fit(k) does.
            batch_size: rows of one update.
            validation_split: share of the rows (of every class) kept for validation, from 0 to less than 1.
            validation_data: (X, y) to validate on instead.
            callbacks: see `bb.callbacks`; `bb.callbacks.Progress()` shows the training.
            augment: changes each batch of inputs before it is trained on, such as `bb.augment.Warp(shift=2)`.
            drop_last: leave out the rows that are left at the end of each epoch and are too few for a batch.

        Returns:
            The logs of every epoch: epoch, train_loss, val_loss and other metrics, lr, time_s.

        Raises:
            UsageError: fit before compile, or data, labels and layers that do not fit each other.
            ConvergenceError: a loss, gradient or update is not finite; raised before it reaches the weights.
        """
        _given("fit()", self._optimizer)
        training.check_given(callbacks, augment, validation_split, validation_data)
        X = real_array(X)
        if not self.built:
            self.build(X.shape[1:])
        if not len(self.params):
            raise UsageError("no layer of the model learns anything", fix="add one that does: bb.layers.Linear(units)")
        X, y = self._check(X), self.loss.targets(y, self.output_shape)
        heads.check_reach(self.layers, self.loss, y)
        rows = None
        if validation_split:
            rows, held = stratified_split(y, validation_split, self.seed)
            validation_data = X.take(held, axis=0), y[held]
        elif validation_data is not None:  # found out now and not after the first epoch
            validation_data = self._check(validation_data[0]), training.targets(self, *validation_data)
        loader = DataLoader(X, y, batch_size, self.seed, indices=rows, augment=augment, drop_last=drop_last)
        training.check_smallest(self._parts("fit()").shapes, self.layers, loader)
        told = {"validation_split": validation_split}
        return training.train(self, loader, epochs, validation_data, callbacks, told)

    def evaluate(self, X: Rows, y: np.ndarray, batch_size: int = 256) -> dict[str, float]:
        """The mean loss, and what else the loss shows beside it, such as accuracy; refused where `predict` refuses."""
        loss = _given("evaluate()", self._loss)
        self._parts("evaluate()")
        y = training.targets(self, X, y)
        outputs = self._outputs(X, batch_size)
        with np.errstate(all="ignore"):
            value = loss.measure(Tensor(outputs), y).item()
        training.require_finite(value, outputs)
        return {"loss": value, **loss.metrics(y, outputs)}

    def predict(self, X: Rows, batch_size: int = 256) -> np.ndarray:
        """The outputs for a batch of inputs: logits for a classifier, (n, ...).

        Raises:
            UsageError: the model is not built, or one input came without the batch axis.
            ConvergenceError: an output is not a finite number.
        """
        outputs = self._outputs(X, batch_size)
        if not np.isfinite(outputs).all():
            what, fix = "the prediction is not a finite number", "train again with a smaller learning rate"
            raise ConvergenceError(what, fix=fix)
        return outputs

    def forward(self, x: Tensor | SparseRows, training: bool = False) -> Tensor:
        """The outputs for a batch as a tensor, with the graph that leads back to the parameters."""
        y: Any = x
        for step in self._parts("forward()").plan:
            y = step(y, training)
        return y

    def activations(self, X: Rows) -> dict[str, np.ndarray]:
        """What every layer makes of a batch, by the layer's name."""
        x: Any = self.inputs(self._check(X))
        seen = {}
        with no_grad():
            for layer in self.layers:
                x = layer(x)
                seen[layer.name] = x.data
        return seen

    def inputs(self, X: Rows) -> Tensor | SparseRows:
        """A batch as the first layer takes it: float32, and pixels from 0 to 1, as X / 255 has them.

        Pixels are uint8 in the shape of pictures, or uint8 where `meta["input"]` is "uint8".
        """
        if isinstance(X, SparseRows):
            return X
        if X.ndim != 1 + len(self.input_shape):  # a last axis of 1 too many or too few
            X = X.reshape(len(X), *self.input_shape)
        if next((layer.takes_ids for layer in self.layers if not isinstance(layer, layers.Flatten)), False):
            return Tensor(X.astype(np.float64, copy=False))  # float32 has one number for several ids above 2**24
        said = X.dtype == np.uint8 and self.meta.get("input") == "uint8"
        if said or ranges.are_pixels(X.dtype, self.input_shape):
            return Tensor(np.divide(X, np.float32(255), dtype=np.float32))
        return Tensor(X.astype(np.float32, copy=False))

    def config(self) -> list[dict]:
        """The layers by kind and arguments, in JSON types: what a model file says of them."""
        return [{"kind": type(layer).__name__, "config": layer.config()} for layer in self.layers]

    def summary(self) -> Summary:
        """The layers as a table: output shapes, parameters, multiply-adds, activation bytes, totals."""
        return summarize(self.layers, self._parts("summary()").shapes)

    # --- keeping -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """A copy of everything that was learned: parameters and buffers by name."""
        with sharing.reading(self):
            return {name: array.copy() for name, array in self._arrays("state()").items()}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Put back what `state()` gave.

        Raises:
            UsageError: the names, shapes or dtypes are not those of this model.
        """
        fill(self._arrays("load_state()"), state)
        self.params.touched()

    def save(self, path: str | Path, checkpoint: bool = False) -> None:
        """Write the model as one .safetensors file, replaced as a whole. A loss of your own is left out.

        Args:
            path: the file.
            checkpoint: write also what the training needs to go on after a stop as if there had been none; see `load`.

        Raises:
            UsageError: the model is not built, holds a layer of your own, or has no training that can go on.
            InputError: the file cannot be written.
        """
        with sharing.reading(self):
            arrays, meta = self._arrays("save()"), saving.describe(self, self._loss)
            if checkpoint:
                meta["checkpoint"], more = _given("checkpoint", self.training).state()
                arrays |= more
            saving.save_model(path, arrays, meta)

    @classmethod
    def load(cls, path: str | Path, kind: str | None = None) -> Sequential:
        """A model from a file, ready to predict; its `meta` is what the file says beside the weights.

        To train it further, `compile` it: the optimizer begins anew, and epochs and orders of rows go on. The next
        `fit` of a checkpoint goes on with its training if it is given the same; `epochs`, of the whole training, may be
        more. Of one saved after `fit` it begins as a second `fit` would.

        Args:
            path: the file.
            kind: the kind of model that is wanted, such as "mnist"; any if left out.

        Raises:
            InputError: the file is missing, damaged, foreign, of another kind, or holds layers that do not fit.
        """
        arrays, meta = saving.load_model(path, kind)
        with saving.reading_description(path):
            model = cls(saving.layers_of(meta), seed=meta["seed"])
            shape, saved = sizes("input_shape", meta["input_shape"]), checkpoints.separated(path, arrays, meta)
            saving.expect(model.layers, shape, arrays)
            with initializers.left_out():
                model.build(shape)
            model.load_state(arrays)
            freeze(model.layers, meta.pop("frozen", []))
            model._loss, model.epoch = saving.loss_of(meta), whole("epoch", meta.get("epoch", 0), 0)
            checkpoints.compile_again(model, saved)
        model.meta = meta
        return model

    def _arrays(self, what: str) -> dict[str, np.ndarray]:
        arrays = {name: parameter.data for name, parameter in self._parts(what).params.named.items()}
        for layer in self.layers:
            for part in layer.parts:
                arrays |= {f"{part.name}/{name}": array for name, array in part.buffers.items()}
        return arrays

    # --- checks --------------------------------------------------------------------------------------------------

    def _outputs(self, X: Rows, batch_size: int) -> np.ndarray:
        X = self._check(X)
        whole("batch_size", batch_size)
        with sharing.reading(self), no_grad(), np.errstate(all="ignore"):
            parts = [self.forward(self.inputs(X[i : i + batch_size])).data for i in range(0, len(X), batch_size)]
        return np.concatenate(parts) if parts else np.zeros((0, *self.output_shape), np.float32)

    def _check(self, X: Rows) -> Rows:
        """Inputs whose shape fits the model; a last axis of 1 may be there or not."""
        X = real_array(X)
        want = self._parts("predict()").shapes[0]
        if X.shape[1:] in (want, (*want, 1)) or (*X.shape[1:], 1) == want:
            return X
        if X.shape in (want, (*want, 1)) or (*X.shape, 1) == want:
            fix = "X[None] makes it a batch of one"
            raise UsageError("one input without a batch axis", got=f"shape {X.shape}", fix=fix)
        raise UsageError("inputs do not fit the model", expected=("n", *want), got=X.shape)

    def _parts(self, what: str) -> _Built:
        if self._built is None:
            raise UsageError(f"{what} before the model is built", fix="fit() it, or build(input_shape)")
        if self._built.layers != self.layers:
            raise self._changed()
        return self._built

    def _changed(self) -> UsageError:
        return UsageError("the list of layers was changed", fix="make a new bb.Sequential() of new layers")


def _given(what: str, part: Part | None) -> Part:
    if part is None:
        raise UsageError(f"{what} before compile()", fix="model.compile(optimizer=bb.optimizers.Adam(), loss=...)")
    return part
