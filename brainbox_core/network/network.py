"""`Network`: layers that are joined, built and run. What it takes to train them stands above, in `Model`."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from brainbox_core.errors import ConvergenceError, UsageError, whole
from brainbox_core.kernels.rows import Rows, Together
from brainbox_core.layers import Layer
from brainbox_core.layers.base import Shape, Shapes, adopt, found, held, join, learned
from brainbox_core.layers.calls import Symbol, observed
from brainbox_core.network import building, description, feeding, sharing
from brainbox_core.network.building import Placed
from brainbox_core.network.graph import Graph, Step, run
from brainbox_core.network.summary import Summary, in_short, summarize
from brainbox_core.parameters import Parameter, Parameters, fill
from brainbox_core.tensor import Tensor, no_grad

Part = TypeVar("Part")


# What users of PyTorch and Keras look for, and what is there instead.
_ELSEWHERE = {
    "train": "model(x, training=True) runs it as in a training",
    "eval": "model(x) and predict(X) run it so, with nothing dropped",
    "zero_grad": "optimizer.zero_grad()",
    "state_dict": "state() has the arrays, bb.torch_weights(model) PyTorch's",
    "load_state_dict": "load_state(state), or bb.load_torch(model, state_dict)",
    "add": "give bb.Sequential a list of all layers",
}


class _Built(NamedTuple):
    """What a network has once it knows the shape of its inputs."""

    layers: list[Layer]  # as they were then
    placed: list[Placed]
    inputs: list[Shape]
    outputs: list[Shape]
    params: Parameters
    steps: list[Step]


class Network:
    """Layers that are joined by a graph, or by a `forward` that a subclass defines.

    Args:
        graph: which layer is given what; None where `forward` says so.
        seed: of the starting weights, the order of batches, and dropout; 64 bits.
    """

    def __init__(self, graph: Graph | None, seed: int = 0):
        self.graph = graph
        self.layers: list[Layer] = graph.layers if graph else []
        self.seed = whole("seed", seed, 0)
        if self.seed >= 2**64:  # found now and not when the trained model is saved: its file holds 64 bits
            raise UsageError("seed", expected="a whole number below 2**64", got=seed)
        self.epoch = 0
        self.meta: dict[str, Any] = {}
        self._built: _Built | None = None

    if not TYPE_CHECKING:  # which would take every name that is misspelt for an attribute

        def __getattr__(self, name: str) -> Any:
            if name in ("graph", "_built", "_optimizer"):
                raise UsageError(f"{type(self).__name__}.__init__() has to begin with super().__init__()")
            hint = f": {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'{hint}")

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
        self._refuse_strays()
        if self.graph is None:
            building.needs_training(self.forward, "forward()", "forward(self, x, training=False)")
            own = dict(held(self, Layer, beside=("layers",)))
            self.layers = list(own.values())
            adopt(self.layers, list(own))
            placed, outputs = building.build_by_trying(self.forward, shapes, self.seed)
        else:
            if any(layer.position != position for position, layer in enumerate(self.layers)):
                raise self._changed()
            placed, outputs = building.build(self.graph, shapes, self.seed)
        params = Parameters(learned(self.layers))
        self._ready(placed, params)
        join(self.layers, self.seed)
        steps = self.graph.steps(fused=True) if self.graph else []
        self._built = _Built(list(self.layers), placed, shapes, outputs, params, steps)
        return self.output_shape

    def _refuse_strays(self) -> None:
        """Refuse what the network or a layer holds and would not run as it stands there."""
        owners: list[Any] = [layer for _, layer in found(self.layers)]
        if self.graph is None:
            held_here = [layer for _, layer in held(self, Layer, beside=("layers",))]
            owners = [self, *(layer for _, layer in found(held_here))]
        for owner in owners:
            for name, inner in held(owner, (Network, Layer), ("layers", "graph", "parts", "_ending")):
                what = f"'{name}' of {type(owner).__name__} "
                if isinstance(inner, Network):
                    what += "is a model, which is no part of another"
                    raise UsageError(what, fix="hold its layers in a list, and call one after another")
                if inner._ending is not None and inner.activation is None:  # in a graph, which has set it apart
                    what += "stands in a graph, too, where its activation is a layer by itself and would not run here"
                    raise UsageError(what, fix="give it none, and call a layer such as bb.layers.ReLU() in both places")

    def _ready(self, placed: Sequence[Placed], params: Parameters) -> None:
        """Refuse what can never be trained; the layers are built, and nothing is decided yet."""

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

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, as PyTorch has them; `params.named` has their names."""
        yield from self._parts("parameters()").params.named.values()

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
    def _inputs(self) -> int | None:
        return None if self.graph is None else self.graph.inputs

    # --- running -------------------------------------------------------------------------------------------------

    def __call__(self, x: Any, training: bool = False) -> Any:
        """`forward` of tensors; arrays become tensors as `predict` has them, and a model that is not built is built."""
        parts = x if isinstance(x, list | tuple) else [x]
        if parts and all(isinstance(part, Tensor) for part in parts):
            if not self.built:
                self.build(feeding.one_or_all([part.shape[1:] for part in parts]))
            return self.forward(list(x) if isinstance(x, tuple) else x, training)
        if parts and isinstance(parts[0], Symbol):
            raise UsageError("a model cannot stand in the graph of another", fix="call its layers instead")
        X = feeding.gathered(x, self._inputs)
        if not self.built:
            self.build(feeding.shapes_in(X))
        return self.forward(self.inputs(self._check(X)), training)

    def predict(self, X: Rows, batch_size: int = 256, lengths: Any = None) -> Any:
        """The outputs for a batch of inputs: logits for a classifier, (n, ...); a list of them for several outputs.

        Args:
            X: inputs (n, ...).
            batch_size: rows at a time.
            lengths: of sequences, as `Model.fit` has them; outputs after the end of each are 0.

        Raises:
            UsageError: the model is not built, or one input came without the batch axis.
            ConvergenceError: an output is not a finite number.
        """
        outputs = self._outputs(self._check(X, lengths), batch_size)
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
            self.unfused(x, training)
        return seen

    def unfused(self, x: Any, training: bool = False) -> Any:
        """`forward` with every layer by itself, so that it can be observed."""
        if self.graph is None:
            return self.forward(x, training)
        return run(self.graph.steps(fused=False), self.graph.outputs, x, training)

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

    def _takes_ids(self, place: int) -> bool:
        return self.graph.takes_ids(place) if self.graph else any(layer.takes_ids for layer in self.layers)

    def _outputs(self, X: Rows, batch_size: int) -> Any:
        whole("batch_size", batch_size)
        with sharing.reading(self), no_grad(), np.errstate(all="ignore"):
            parts = [self.forward(self.inputs(X[i : i + batch_size])) for i in range(0, len(X), batch_size)]
        return feeding.joined(parts, self._parts("predict()").outputs)

    def _check(self, X: Rows, lengths: Any = None) -> Rows:
        """Inputs whose shape fits the model."""
        shapes = self._parts("predict()").inputs
        X = feeding.gathered(X, len(shapes), lengths)
        parts: list[Any] = list(X) if isinstance(X, Together) else [X]
        for place, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
            if not feeding.fits(part, shape):
                sequences = self.graph is not None and self.graph.takes_steps(place, len(shape))
                parts[place] = feeding.of_other_lengths(part, shape, sequences)
        return Together(parts) if isinstance(X, Together) else parts[0]

    # --- describing ----------------------------------------------------------------------------------------------

    def config(self) -> list[dict]:
        """The layers by kind and arguments, in JSON types: what a model file says of them."""
        return [description.of_layer(layer) for layer in self.layers]

    def summary(self) -> Summary:
        """The layers as a table: output shapes, parameters, multiply-adds, activation bytes, totals."""
        placed = self._parts("summary()").placed
        return summarize(self.input_shape, placed)

    def __repr__(self) -> str:
        name, summary = type(self).__name__, self._summary()
        if summary is not None:
            return f"{name}\n{summary!r}"
        layers = self.layers or [layer for _, layer in held(self, Layer, beside=("layers",))]
        return "\n".join([f"{name}, not built", *in_short([f"  {layer!r}" for layer in layers])])

    def _repr_html_(self) -> str:
        name, summary = html.escape(type(self).__name__), self._summary()
        return f"<pre>{html.escape(repr(self))}</pre>" if summary is None else f"<p>{name}</p>{summary._repr_html_()}"

    def _summary(self) -> Summary | None:
        """The summary, for showing: what is not built, or was broken since, has none."""
        return self.summary() if self._built is not None and self._built.layers == self.layers else None

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

    def _arrays(self, what: str) -> dict[str, np.ndarray]:
        arrays = {name: parameter.data for name, parameter in self._parts(what).params.named.items()}
        for layer in self.layers:
            for part in layer.parts:
                arrays |= {f"{part.name}/{name}": array for name, array in part.buffers.items()}
        return arrays

    def _parts(self, what: str) -> _Built:
        if self._built is None:
            raise UsageError(f"{what} before the model is built", fix="fit() it, or build(input_shape)")
        if self._built.layers != self.layers:
            raise self._changed()
        return self._built

    def _changed(self) -> UsageError:
        return UsageError("the list of layers was changed", fix="make a new bb.Sequential() of new layers")
