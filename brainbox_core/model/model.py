"""`Model`: a network with what it takes to train, use and keep it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from brainbox_core import loss as losses
from brainbox_core import metrics as measures
from brainbox_core import optimizers
from brainbox_core.data import Augment, DataLoader, stratified_split
from brainbox_core.errors import InputError, UsageError, whole
from brainbox_core.kernels.rows import Rows, counting
from brainbox_core.layers import Layer, Sigmoid, Softmax, initializers
from brainbox_core.layers.base import adopt, freeze
from brainbox_core.layers.calls import Symbol
from brainbox_core.loss import Loss
from brainbox_core.network import description, feeding, heads, saving, sharing
from brainbox_core.network.building import Placed
from brainbox_core.network.graph import Graph
from brainbox_core.network.history import History
from brainbox_core.network.network import Network
from brainbox_core.optimizers import Optimizer
from brainbox_core.parameters import Parameters
from brainbox_core.training import checkpoint as checkpoints
from brainbox_core.training import labels, loop, progress
from brainbox_core.training.batches import Batches, GivenBatches
from brainbox_core.training.callbacks import Callback

Part = TypeVar("Part")


class Model(Network):
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
        training: the one that is under way, or the last one; None before the first.
        unfinished: of a loaded checkpoint, the training that `fit` goes on with; None has it begin anew.

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
        if inputs is None:
            self._begin(None, seed)
            return
        ends = [[end] if isinstance(end, Symbol) else end for end in (inputs, outputs)]
        self._begin(Graph.between(*ends), seed)  # type: ignore[arg-type]  # which looks at them
        adopt(self.layers)
        shapes = [symbol.shape for symbol in ends[0] if symbol.shape is not None]  # type: ignore[union-attr]
        if len(shapes) == self._inputs:
            self.build(feeding.one_or_all(shapes))

    def _begin(self, graph: Graph | None, seed: int) -> None:
        super().__init__(graph, seed)
        self._optimizer: Optimizer | None = None
        self._loss: Loss | None = None
        self._metrics: dict[str, measures.Metric] = {}
        self.history = History()
        self.stop_training = False
        self.training: checkpoints.Training | None = None
        self.unfinished: checkpoints.Saved | None = None

    # --- training ------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Optimizer | str = "adam",
        loss: Any = None,
        metrics: Sequence[str | measures.Metric] = (),
        loss_weights: Sequence[float] | None = None,
    ) -> None:
        """Say how to train: the optimizer and the loss. An optimizer starts anew with each compile.

        Args:
            optimizer: how the gradients change the weights: an object, or a name such as "adam" or "sgd".
            loss: what is made small: an object, a name such as "cross_entropy" or "mse", or a function of outputs (a
                tensor) and targets to one tensor; of several outputs a list, which are added up.
            metrics: what `evaluate` and the validation measure besides: names of `bb.metrics` such as "f1", or
                functions of what was true and what the model says, classes or quantities. A classifier's accuracy is
                always there.
            loss_weights: how much each of several losses counts; all 1 if left out.

        Raises:
            UsageError: one of them is none, or the model can never be right by the loss.
        """
        if isinstance(optimizer, str):
            optimizer = optimizers.named(optimizer)
        if not isinstance(optimizer, Optimizer):
            raise UsageError("compile() needs an optimizer", got=repr(optimizer), fix="bb.optimizers.Adam()")
        loss = losses.named(loss)
        if loss_weights is not None:
            loss = losses.Several(getattr(loss, "losses", [loss]), loss_weights)
        named = measures.named(metrics, loss.takes_logits)
        heads.check_heads(self.graph, self._built and self._built.placed, loss)
        if self._built is not None:
            optimizer.build(self._built.params)
        self._optimizer, self._loss, self._metrics = optimizer, loss, named

    def _ready(self, placed: Sequence[Placed], params: Parameters) -> None:
        if self._optimizer is not None:
            heads.check_heads(self.graph, placed, self.loss)
            self._optimizer.build(params)

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

    def fit(
        self,
        X: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        validation_split: float = 0.0,
        validation_data: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
        augment: Augment | None = None,
        drop_last: bool = False,
        verbose: bool | int | None = None,
        shuffle: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        sample_weight: Any = None,
        initial_epoch: int | None = None,
        lengths: Any = None,
    ) -> History:
        """Train, and end with the weights of the epoch with the lowest validation loss (the last, without validation).

        Args:
            X: inputs (n, ...). uint8 pictures, (n, H, W) or (n, H, W, C), are read as pixels, 0 to 255 becoming 0 to 1,
                batch by batch; a table of uint8 holds numbers, as of any other type. May be `SparseRows` where the
                first layer is a `Linear`. Or, without `y`, what gives batches (X, y) by itself, once an epoch: a
                `bb.data.DataLoader`, a list, a generator, a loader of another library.
            y: targets that fit the loss, (n, ...). Names of classes are numbered in their order; `meta["classes"]`
                keeps them.
            epochs: passes over the data; without validation, fit(1) k times does what fit(k) does.
            batch_size: rows of one update.
            validation_split: share of the rows (of every class) kept for validation, from 0 to less than 1.
            validation_data: (X, y) to validate on instead.
            callbacks: see `bb.callbacks`.
            augment: changes each batch of inputs before it is trained on, such as `bb.augment.Warp(shift=2)`.
            drop_last: leave out the rows that are left at the end of each epoch and are too few for a batch.
            verbose: whether a line an epoch is shown; on a terminal and in a notebook, if left out.
            shuffle: whether each epoch has an order of its own.
            class_weight: how much the rows of each label count in the training, 1 for those it does not name;
                "balanced" gives every class the same weight in all.
            sample_weight: how much each row counts, (n,): one of weight 2 counts as two. Validation weighs nothing.
            initial_epoch: how many of the `epochs` are done already; the first one then is `initial_epoch` + 1.
            lengths: of sequences (n, time, ...) that are padded to one length, how many steps of each row count, (n,),
                from 1 to time; nothing looks at the others. A list of such, or None, for each of several inputs. A list
                of arrays of different lengths as X, and as y, says it by itself.

        Returns:
            The logs of every epoch: epoch, train_loss, val_loss and other metrics, lr, time_s.

        Raises:
            UsageError: fit before compile, or data, labels and layers that do not fit each other.
            ConvergenceError: a loss, gradient or update is not finite; raised before it reaches the weights.
        """
        _given("fit()", self._optimizer)
        loop.check_given(callbacks, augment, validation_split, validation_data)
        if initial_epoch is not None:
            epochs -= whole("initial_epoch", initial_epoch, 0, whole("epochs", epochs) - 1)
        told: dict[str, Any] = {"validation_split": validation_split}
        loader: Batches
        if y is None:
            given = any(part is not None for part in (class_weight, sample_weight, lengths, augment))
            if given or validation_split or drop_last or not shuffle or batch_size != 32:
                what = "what gives batches is neither split, weighed, ordered nor changed"
                raise UsageError(
                    f"{what}, and says itself how long its sequences are",
                    fix="give arrays X and y, or make the batches so",
                )
            loader = self._batches(X)
        else:
            X = self._begin_with(X, lengths)
            if isinstance(self.loss, losses.Several) and not (class_weight is None and sample_weight is None):
                raise UsageError("weights of rows need a model of one output")
            weights = labels.row_weights(y, class_weight, sample_weight)
            y = labels.targets(self, X, y, learn=True)
            heads.check_reach(self.graph, self.loss, y)
            rows = None
            if validation_split:
                rows, held_rows = stratified_split(y, validation_split, self.seed)
                validation_data = X.take(held_rows, axis=0), y[held_rows]
            if weights is not None:
                y = labels.around_one(self, y, weights, rows)
            loader = DataLoader(X, y, batch_size, self.seed, rows, shuffle, augment, drop_last)
            loop.check_smallest(self.placed, loader)
        if validation_data is not None and not validation_split:  # found out now and not after the first epoch
            held_out = self._check(validation_data[0])
            validation_data = held_out, labels.targets(self, held_out, validation_data[1])
        if self._metrics:
            told["metrics"] = list(self._metrics)
        if initial_epoch is not None:
            self.epoch = initial_epoch
        shown = progress.shown(verbose, callbacks)
        return loop.train(self, loader, epochs, validation_data, [*callbacks, *shown], told)

    def train_on_batch(self, X: Any, y: Any) -> float:
        """Change the weights once, by the gradient of a batch; returns its loss before that."""
        _given("train_on_batch()", self._optimizer)
        X = self._begin_with(X)
        y = labels.targets(self, X, y)
        with sharing.training(self):
            return loop.step(self, X, y)[0]

    def evaluate(self, X: Any, y: Any, batch_size: int = 256, lengths: Any = None) -> dict[str, float]:
        """The mean loss, and what else is measured beside it, such as accuracy; refused where `predict` refuses."""
        loss = _given("evaluate()", self._loss)
        self._parts("evaluate()")
        X = self._check(X, lengths)
        y = labels.targets(self, X, y)
        outputs, y = counting(self._outputs(X, batch_size), y)
        with np.errstate(all="ignore"):
            value = loss.measure(feeding.tensors(outputs), y).item()
        loop.require_finite(value, outputs)
        measured = {name: metric(*loss.answers(y, outputs)) for name, metric in self._metrics.items()}
        return {"loss": value, **loss.metrics(y, outputs), **measured}

    def predict_proba(self, X: Any, batch_size: int = 256, lengths: Any = None) -> np.ndarray:
        """The probability of each class, (n, classes); of both classes for a single output.

        Raises:
            UsageError: neither the loss nor the last layer makes probabilities of the outputs.
        """
        outputs = self.predict(X, batch_size, lengths)
        if isinstance(outputs, list):
            raise UsageError(
                "probabilities are those of one output", got=f"{len(outputs)} outputs", fix="use predict()"
            )
        if self._loss is not None and self._loss.takes_logits:
            return self._loss.probabilities(outputs)
        if not isinstance(self.layers[-1], Softmax | Sigmoid):
            fix = "compile() it with a loss such as bb.loss.CrossEntropy(), or use predict()"
            raise UsageError("nobody knows how the outputs become probabilities", fix=fix)
        return outputs if outputs.shape[-1] > 1 else np.concatenate([1 - outputs, outputs], axis=-1)

    def predict_classes(self, X: Any, batch_size: int = 256, lengths: Any = None) -> np.ndarray:
        """The most probable class of each row, (n,): its name if the training had names, else its number."""
        numbers = self.predict_proba(X, batch_size, lengths).argmax(axis=-1)
        classes = self.meta.get("classes")
        return numbers if not classes or len(classes) <= numbers.max(initial=0) else np.array(classes)[numbers]

    def _begin_with(self, X: Any, lengths: Any = None) -> Rows:
        """Inputs to train on; the model is built for them, unless it is."""
        if not self.built:
            X, lengths = feeding.gathered(X, self._inputs, lengths), None
            self.build(feeding.shapes_in(X))
        if not len(self.params):
            raise UsageError("no layer of the model learns anything", fix="add one that does: bb.layers.Linear(units)")
        return self._check(X, lengths)

    def _batches(self, source: Any) -> Batches:
        """What gives batches, made so that the model takes them."""
        if isinstance(source, DataLoader):
            loader = copy.copy(source)
            loader.X = self._begin_with(source.X)
            loader.y = labels.targets(self, loader.X, source.y, learn=True)
            loop.check_smallest(self.placed, loader)
            return loader
        if isinstance(source, np.ndarray) or not isinstance(source, Iterable):
            raise UsageError("fit() needs targets beside X, or what gives batches (X, y)", got=type(source).__name__)
        batches = GivenBatches(source, lambda x, y: (checked := self._check(x), labels.targets(self, checked, y)))
        self._begin_with(batches.first[0])
        return batches

    # --- keeping -------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, checkpoint: bool = False) -> None:
        """Write the model as one .safetensors file, replaced as a whole. A loss of your own is left out.

        Args:
            path: the file.
            checkpoint: write also what the training needs to go on after a stop as if there had been none; see `load`.

        Raises:
            UsageError: the model is not built, the arguments of a layer of your own are no JSON, or there is no
                training that can go on.
            InputError: the file cannot be written.
        """
        with sharing.reading(self):
            arrays, meta = self._arrays("save()"), description.describe(self, self._loss, self.graph)
            if checkpoint:
                meta["checkpoint"], more = _given("checkpoint", self.training).state()
                arrays |= more
            saving.save_model(path, arrays, meta)

    @classmethod
    def load(cls, path: str | Path, kind: str | None = None, layers: Sequence[type[Layer]] = ()) -> Self:
        """A model from a file, ready to predict; its `meta` is what the file says beside the weights.

        To train it further, `compile` it: the optimizer begins anew, and epochs and orders of rows go on. The next
        `fit` of a checkpoint goes on with its training if it is given the same; `epochs`, of the whole training, may be
        more. Of one saved after `fit` it begins as a second `fit` would.

        Args:
            path: the file.
            kind: the kind of model that is wanted, such as "mnist"; any if left out.
            layers: the classes of the layers of your own that it holds; a file never names what is imported.

        Raises:
            InputError: the file is missing, damaged, foreign, of another kind, or holds layers that do not fit.
        """
        return cls._from_file(path, *saving.load_model(path, kind), layers)

    @classmethod
    def _from_file(
        cls, path: str | Path, arrays: dict[str, np.ndarray], meta: dict[str, Any], layers: Sequence[type[Layer]]
    ) -> Self:
        if odd := [kind for kind in layers if not (isinstance(kind, type) and issubclass(kind, Layer))]:
            raise UsageError("layers", expected="classes of layers of your own", got=repr(odd[0]))
        with description.reading_description(path):
            model, saved = cls._described(meta, layers), checkpoints.separated(path, arrays, meta)
            shapes = feeding.shapes_of(meta["input_shape"], model._inputs)
            if model.graph is not None:
                description.expect(model.graph, shapes, arrays)
            with initializers.left_out():
                model.build(feeding.one_or_all(shapes))
            model.load_state(arrays)
            freeze(model.layers, meta.pop("frozen", []))
            model._loss = description.loss_of(meta)
            model.epoch = whole("epoch", meta.get("epoch", 0), 0)
            checkpoints.compile_again(model, saved)
        model.meta = meta
        return model

    @classmethod
    def _described(cls, meta: dict[str, Any], layers: Sequence[type[Layer]]) -> Self:
        """The model that a file describes, not built."""
        if cls.forward is not Model.forward:
            if meta.get("own") != cls.__name__:
                raise InputError(f"the file holds no {cls.__name__}", got=repr(meta.get("own", "layers")))
            try:
                model = cls(**meta["config"])
            except TypeError as error:
                fix = "keep each argument in an attribute of its name, as in self.units = units"
                raise InputError(f"the file does not say what the model was made with ({error})", fix=fix) from None
            model.seed = meta["seed"]
            return model
        if "own" in meta:
            raise InputError(f"a model of the class {meta['own']!r}", fix="load it with load() of that class")
        model = cls.__new__(cls)
        model._begin(description.graph_of(meta, layers), meta["seed"])
        adopt(model.layers)
        return model


def _given(what: str, part: Part | None) -> Part:
    if part is None:
        raise UsageError(f"{what} before compile()", fix="model.compile(optimizer=bb.optimizers.Adam(), loss=...)")
    return part
