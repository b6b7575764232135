"""`Model`: layers joined in a graph, with what it takes to train, use and keep them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from brainbox_core.data import Augment, DataLoader, stratified_split
from brainbox_core.errors import ConvergenceError, InputError, UsageError, whole
from brainbox_core.kernels.rows import Rows, Together
from brainbox_core.layers import Layer, initializers
from brainbox_core.layers.base import Shape, Shapes, adopt, held, join, learned
from brainbox_core.layers.calls import Symbol, observed
from brainbox_core.loss import Loss, Several
from brainbox_core.model import building, description, feeding, heads, saving, training
from brainbox_core.model.building import Placed
from brainbox_core.model.callbacks import Callback
from brainbox_core.model.graph import Graph, Step, run
from brainbox_core.model.network import History
from brainbox_core.model.summary import Summary, summarize
from brainbox_core.optimizers import Optimizer
from brainbox_core.parameters import Parameters
from brainbox_core.tensor import Tensor, no_grad

Part = TypeVar("Part")


class _Built(NamedTuple):
    """What a model has once it knows the shape of its inputs."""

    layers: list[Layer]  # as they were then
    placed: list[Placed]
    inputs: list[Shape]
    outputs: list[Shape]
    params: Parameters
    steps: list[Step]


def Input(shape: Shape | None = None) -> Symbol:  # noqa: N802  # as everybody calls it
    """Where a graph of layers begins.

    Args:
        shape: of one input, without the batch axis; a model of which all are known is built at once, any other by
            `fit`.
    """
    return Symbol(shape=None if shape is None else tuple(shape))


class Model:
    """Layers joined in a graph: paths that part and meet, several inputs and outputs.

    Args:
        inputs: what `bb.Input()` gave, or a list of such.
        outputs: what the last layers gave, called with what came before them; or a list of such.
        seed: of the starting weights, the order of batches, and dropout; 64 bits.

    A subclass may leave out both ends, hold its layers in attributes and define `forward(x, training)` instead; it
    trains and is kept alike, but is no graph that can be exported.

    Attributes:
        layers: each once, in the order in which they first run.
        built: whether the parameters are there. What needs them is refused before: `params` (all of them),
            `input_shape` and `output_shape` (of one input and one output; lists if there are several).
        optimizer: given to `compile`; refused before.
        loss: given to `compile`, or found in the model's file; refused before.
        history: the logs of every epoch so far.
        epoch: epochs trained so far.
        meta: whatever else the model file should hold, in JSON types (class names, where the data came from).

    Example:
        >>> import braininabox as bb
        >>> x = bb.Input((4,))
        >>> around = bb.layers.Linear(4)(bb.layers.ReLU()(bb.layers.Linear(8)(x)))
        >>> model = bb.Model(x, bb.layers.Linear(1)(bb.layers.Add()([x, around])))
        >>> model.predict(np.ones((2, 4))).shape
        (2, 1)
    """

    def __init__(
        self,
        inputs: Symbol | Sequence[Symbol] | None = None,
        outputs: Symbol | Sequence[Symbol] | None = None,
        seed: int = 0,
    ):
        if (inputs is None) != (outputs is None) or (inputs is None and type(self).forward is Model.forward):
            fix = "bb.Model(inputs, outputs), or define forward(self, x, training=False) in a subclass"
            raise UsageError("a model needs both ends of its graph", fix=fix)
        ends: tuple[list[Symbol], list[Symbol]] = [], []
        for name, given, kept in zip(("inputs", "outputs"), (inputs, outputs), ends, strict=True):
            kept += [] if given is None else [given] if isinstance(given, Symbol) else given
            if odd := [symbol for symbol in kept if not isinstance(symbol, Symbol)]:
                raise UsageError(name, expected="what bb.Input() or a layer called with it gave", got=repr(odd[0]))
        self._begin(Graph.between(*ends) if ends[0] else None, seed)
        adopt(self.layers)
        shapes = [symbol.shape for symbol in ends[0] if symbol.shape is not None]
        if shapes and len(shapes) == self._inputs:
            self.build(shapes)

    def _begin(self, graph: Graph | None, seed: int) -> None:
        self.graph = graph
        self.layers = graph.layers if graph else []
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

    # --- getting ready -------------------------------------------------------------------------------------------

    def build(self, input_shape: Shapes) -> Shapes:
        """Make the parameters for inputs of a shape (without the batch axis); returns the shape of one output.

        Args:
            input_shape: a list of shapes for several inputs.

        Raises:
            UsageError: the layers do not fit the inputs or each other, or the parameters do not fit into memory.
        """
        if self.built:
            raise UsageError("the model is already built", where=f"inputs of shape {self.input_shape}")
        shapes = feeding.shapes_of(input_shape, self._inputs)
        if self.graph is None:
            own = dict(held(self, Layer, beside=("layers",)))
            self.layers = list(own.values())
            adopt(self.layers, list(own))
            placed, outputs = building.build_by_trying(self.forward, shapes, self.seed)
        else:
            if any(layer.position != position for position, layer in enumerate(self.layers)):
                raise self._changed()
            placed, outputs = building.build(self.graph, shapes, self.seed)
        params = Parameters(learned(self.layers))
        if self._optimizer is not None:
            heads.check_heads(self.graph, placed, self.loss)
            self._optimizer.build(params)
        join(self.layers, self.seed)
        steps = self.graph.steps(fused=True) if self.graph else []
        self._built = _Built(list(self.layers), placed, shapes, outputs, params, steps)
        return self.output_shape

    def compile(
        self, optimizer: Optimizer, loss: Loss | Sequence[Loss], loss_weights: Sequence[float] | None = None
    ) -> None:
        """Say how to train: the optimizer and the loss. An optimizer starts anew with each compile.

        Args:
            optimizer: how the gradients change the weights.
            loss: what is made small; of several outputs a loss for each, which are added up.
            loss_weights: how much each of several losses counts; all 1 if left out.
        """
        if isinstance(loss, list | tuple):
            loss = Several(loss, loss_weights)
        if not isinstance(optimizer, Optimizer):
            raise UsageError("compile() needs an optimizer", got=repr(optimizer), fix="bb.optimizers.Adam()")
        if not isinstance(loss, Loss):
            raise UsageError("compile() needs a loss", got=repr(loss), fix="bb.loss.CrossEntropy()")
        heads.check_heads(self.graph, self._built and self._built.placed, loss)
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
    def input_shape(self) -> Any:
        return feeding.one_or_all(self._parts("input_shape").inputs)

    @property
    def output_shape(self) -> Any:
        return feeding.one_or_all(self._parts("output_shape").outputs)

    @property
    def placed(self) -> list[Placed]:
        """Every layer at work, with the shapes of what goes in and comes out."""
        return self._parts("placed").placed

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
        if not self.built:
            X = feeding.gathered(X, self._inputs)
            self.build([part.shape[1:] for part in X] if isinstance(X, Together) else X.shape[1:])
        if not len(self.params):
            raise UsageError("no layer of the model learns anything", fix="add one that does: bb.layers.Linear(units)")
        X, y = self._check(X), self.loss.targets(y, self.output_shape)
        heads.check_reach(self.graph, self.loss, y)
        rows = None
        if validation_split:
            first = y.arrays[0] if isinstance(y, Together) else y
            rows, held_rows = stratified_split(first, validation_split, self.seed)
            validation_data = X.take(held_rows, axis=0), y[held_rows]
        elif validation_data is not None:  # found out now and not after the first epoch
            held_out = self._check(validation_data[0])
            validation_data = held_out, self._targets(held_out, validation_data[1])
        loader = DataLoader(X, y, batch_size, self.seed, indices=rows, augment=augment, drop_last=drop_last)
        training.check_smallest(self.placed, loader)
        return training.train(self, loader, epochs, validation_data, callbacks)

    def evaluate(self, X: Rows, y: np.ndarray, batch_size: int = 256) -> dict[str, float]:
        """The mean loss, and what else the loss shows beside it, such as accuracy; refused where `predict` refuses."""
        loss = _given("evaluate()", self._loss)
        self._parts("evaluate()")
        X = self._check(X)
        y = self._targets(X, y)
        outputs = self._outputs(X, batch_size)
        with np.errstate(all="ignore"):
            value = loss.measure(feeding.tensors(outputs), y).item()
        training.require_finite(value, outputs)
        return {"loss": value, **loss.metrics(y, outputs)}

    def predict(self, X: Rows, batch_size: int = 256) -> Any:
        """The outputs for a batch of inputs: logits for a classifier, (n, ...); a list of them for several outputs.

        Raises:
            UsageError: the model is not built, or one input came without the batch axis.
            ConvergenceError: an output is not a finite number.
        """
        outputs = self._outputs(X, batch_size)
        if not feeding.are_finite(outputs):
            what, fix = "the prediction is not a finite number", "train again with a smaller learning rate"
            raise ConvergenceError(what, fix=fix)
        return list(outputs) if isinstance(outputs, Together) else outputs

    def forward(self, x: Any, training: bool = False) -> Any:
        """The outputs for a batch as a tensor, with the graph that leads back to the parameters.

        Args:
            x: a tensor, or sparse rows; a list of them for several inputs.
            training: whether layers such as Dropout are to do what they do in training.

        Returns:
            A tensor; a list for several outputs.
        """
        parts = self._parts("forward()")
        return run(parts.steps, self.graph.outputs, x, training)  # type: ignore[union-attr]  # else it is overridden

    def watched(self, x: Any, training: bool = False) -> list[tuple[Layer, Tensor]]:
        """What every layer makes of a batch, those inside others too, in the order in which they end."""
        seen = []

        def look(call: Any, layer: Layer, *given: Any, **named: Any) -> Any:
            y = call(layer, *given, **named)
            seen.append((layer, y))
            return y

        with no_grad(), observed(look):
            if self.graph is None:
                self.forward(x, training)
            else:
                run(self.graph.steps(fused=False), self.graph.outputs, x, training)
        return seen

    def activations(self, X: Rows) -> dict[str, np.ndarray]:
        """What every layer makes of a batch, by the layer's name."""
        seen = self.watched(self.inputs(self._check(X)))
        return {layer.name: y.data for layer, y in seen if layer.position is not None}

    def inputs(self, X: Rows) -> Any:
        """A batch as the first layers take it: float32, and pixels from 0 to 1, as X / 255 has them.

        Pixels are uint8 in the shape of pictures, or uint8 where `meta["input"]` is "uint8".
        """
        shapes, said = self._parts("inputs()").inputs, self.meta.get("input") == "uint8"
        arrays = X if isinstance(X, Together) else [X]
        converted = [
            feeding.converted(part, shape, self._takes_ids(place), said)
            for place, (part, shape) in enumerate(zip(arrays, shapes, strict=True))
        ]
        return feeding.one_or_all(converted)

    @property
    def _inputs(self) -> int | None:
        return None if self.graph is None else self.graph.inputs

    def _takes_ids(self, place: int) -> bool:
        return self.graph.takes_ids(place) if self.graph else any(layer.takes_ids for layer in self.layers)

    def config(self) -> list[dict]:
        """The layers by kind and arguments, in JSON types: what a model file says of them."""
        return [description.of_layer(layer) for layer in self.layers]

    def summary(self) -> Summary:
        """The layers as a table: output shapes, parameters, multiply-adds, activation bytes, totals."""
        placed = self._parts("summary()").placed
        return summarize(self.input_shape, placed)

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
        """Write the model as one .safetensors file, replaced as a whole. A loss of your own is left out.

        Raises:
            UsageError: the model is not built, or the arguments of a layer of your own are no JSON.
            InputError: the file cannot be written.
        """
        arrays = self._arrays("save()")
        saving.save_model(path, arrays, description.describe(self, self._loss, self.graph))

    @classmethod
    def load(cls, path: str | Path, kind: str | None = None, layers: Sequence[type[Layer]] = ()) -> Self:
        """A model from a file, ready to predict; its `meta` is what the file says beside the weights.

        To train it further, `compile` it: the optimizer begins anew, and epochs and orders of rows go on.

        Args:
            path: the file.
            kind: the kind of model that is wanted, such as "mnist"; any if left out.
            layers: the classes of the layers of your own that it holds; a file never names what is imported.

        Raises:
            InputError: the file is missing, damaged, foreign, of another kind, or holds layers that do not fit.
        """
        arrays, meta = saving.load_model(path, kind)
        with description.reading_description(path):
            model = cls._described(meta, layers)
            shapes = feeding.shapes_of(meta["input_shape"], model._inputs)
            if model.graph is not None:
                description.expect(model.graph, shapes, arrays)
            with initializers.left_out():
                model.build(shapes)
            model.load_state(arrays)
            model._loss = description.loss_of(meta)
            model.epoch = whole("epoch", meta.get("epoch", 0), 0)
        model.meta = meta
        return model

    @classmethod
    def _described(cls, meta: dict[str, Any], layers: Sequence[type[Layer]]) -> Self:
        """The model that a file describes, not built."""
        if cls.forward is not Model.forward:
            if meta.get("own") != cls.__name__:
                raise InputError(f"the file holds no {cls.__name__}", got=repr(meta.get("own", "layers")))
            model = cls()
            model.seed = meta["seed"]
            return model
        if "own" in meta:
            raise InputError(f"a model of the class {meta['own']!r}", fix="load it with load() of that class")
        model = cls.__new__(cls)
        model._begin(description.graph_of(meta, layers), meta["seed"])
        adopt(model.layers)
        return model

    def _arrays(self, what: str) -> dict[str, np.ndarray]:
        arrays = {name: parameter.data for name, parameter in self._parts(what).params.named.items()}
        for layer in self.layers:
            for part in layer.parts:
                arrays |= {f"{part.name}/{name}": array for name, array in part.buffers.items()}
        return arrays

    # --- checks --------------------------------------------------------------------------------------------------

    def _outputs(self, X: Rows, batch_size: int) -> Any:
        X = self._check(X)
        whole("batch_size", batch_size)
        with no_grad(), np.errstate(all="ignore"):
            parts = [self.forward(self.inputs(X[i : i + batch_size])) for i in range(0, len(X), batch_size)]
        return feeding.joined(parts, self._parts("predict()").outputs)

    def _check(self, X: Rows) -> Rows:
        """Inputs whose shape fits the model; a last axis of 1 may be there or not."""
        shapes = self._parts("predict()").inputs
        X = feeding.gathered(X, len(shapes))
        for part, shape in zip(X if isinstance(X, Together) else [X], shapes, strict=True):
            feeding.check(part, shape)
        return X

    def _targets(self, X: Rows, y: np.ndarray) -> np.ndarray:
        """Targets to evaluate on: as many as there are inputs, and at least one."""
        y = self.loss.targets(y, self.output_shape)
        if len(X) != len(y) or not len(y):
            raise UsageError("X and y need one row for each other, and at least one", got=f"{len(X)} and {len(y)}")
        if not self.loss.counted(y, self.output_shape):
            raise UsageError("none of the targets counts", fix="look at what the loss is to ignore")
        return y

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
