"""Weights of PyTorch modules: by hand in NumPy, in PyTorch's axes and with its formulas, and beside PyTorch itself."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import braininabox as bb
from brainbox_core.errors import InputError, UsageError
from brainbox_core.model.torch_weights import ROWS, Row

L = bb.layers
RNG = np.random.default_rng(7)
CELLS = {"RNN": L.RNN, "GRU": L.GRU, "LSTM": L.LSTM}
every_cell = pytest.mark.parametrize("cell", CELLS)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32) / 2


def built(chain, shape):
    model = bb.Sequential(chain)
    model.build(shape)
    return model


def close(found, wanted):
    """Whether two outputs are equal to 1e-6, relative to the scale of the outputs."""
    return found.shape == wanted.shape and abs(found - wanted).max() <= 1e-6 * max(1, abs(wanted).max())


def linear(name, inputs, outputs):
    return {f"{name}.weight": normal(outputs, inputs), f"{name}.bias": normal(outputs)}


def conv(name, channels, filters, size=3):
    return {f"{name}.weight": normal(filters, channels, size, size), f"{name}.bias": normal(filters)}


def norm(name, features):
    return {
        f"{name}.weight": normal(features),
        f"{name}.bias": normal(features),
        f"{name}.running_mean": normal(features),
        f"{name}.running_var": normal(features) ** 2 + 0.1,
        f"{name}.num_batches_tracked": np.array(3),
    }


def recurrent(name, cell, inputs, units, count=1):
    gates, weights = CELLS[cell].gates, {}
    for number in range(count):
        weights[f"{name}.weight_ih_l{number}"] = normal(gates * units, units if number else inputs)
        weights[f"{name}.weight_hh_l{number}"] = normal(gates * units, units)
        weights[f"{name}.bias_ih_l{number}"] = normal(gates * units)
        weights[f"{name}.bias_hh_l{number}"] = normal(gates * units)
    return weights


# --- PyTorch's formulas, as its documentation gives them, on its axes ------------------------------------------------


def torch_linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def torch_conv(w, name, x):
    """(N,C,H,W) -> (N,O,H-K+1,W-K+1)"""
    weight, bias = w[f"{name}.weight"], w[f"{name}.bias"]
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))  # (N,C,H',W',K,K)
    return np.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]


def torch_norm(w, name, x):
    mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    return (x - mean) / np.sqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def torch_recurrent(w, name, cell, x, number=0):
    """(N,T,I) -> (N,T,H)"""
    parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    wi, wh, bi, bh = (w[f"{name}.{part}_l{number}"].astype(float) for part in parts)
    h = c = np.zeros((len(x), wh.shape[1]))
    outputs = []
    for step in range(x.shape[1]):
        a, b = x[:, step] @ wi.T + bi, h @ wh.T + bh
        if cell == "RNN":
            h = np.tanh(a + b)
        elif cell == "GRU":
            (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=1), np.split(b, 3, axis=1)
            z = sigmoid(az + bz)
            h = (1 - z) * np.tanh(an + sigmoid(ar + br) * bn) + z * h
        else:
            i, f, g, o = np.split(a + b, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def relu(x):
    return np.maximum(x, 0)


# --- closed forms, in both directions --------------------------------------------------------------------------------


def both_ways(model, weights, forward, x, names=None):
    """The model computes what the formula does with the weights put in, and the formula with those that come out."""
    bb.load_torch(model, weights, names)
    assert close(model.predict(x), forward(weights))
    out = bb.torch_weights(model, names or list(dict.fromkeys(key.rpartition(".")[0] for key in weights)))
    assert {key: array.shape for key, array in out.items()} == {
        key: array.shape for key, array in weights.items() if not key.endswith("tracked")
    }
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in out.values())
    assert close(forward(out).astype(np.float32), model.predict(x))
    again = built([type(layer)(**layer.config()) for layer in model.layers], model.input_shape)
    bb.load_torch(again, out, names)
    assert all(np.array_equal(array, again.state()[name]) for name, array in model.state().items())


def test_a_network_of_vectors_with_batch_norm():
    model = built([L.Linear(5), L.BatchNorm(), L.ReLU(), L.Linear(3)], (4,))
    weights = {**linear("0", 4, 5), **norm("1", 5), **linear("3", 5, 3)}
    x = normal(6, 4)
    both_ways(
        model,
        weights,
        lambda w: torch_linear(w, "3", relu(torch_norm(w, "1", torch_linear(w, "0", x)))),
        x,
    )
    assert list(bb.torch_weights(model)) == [key for key in weights if not key.endswith("tracked")]


@pytest.mark.parametrize("between", [[], [L.Dropout(0.5), L.ReLU()]])
def test_a_picture_is_flattened_channels_first(between):
    model = built(
        [L.Conv2D(4), L.ReLU(), L.Conv2D(3, kernel=2), L.Flatten(), *between, L.Linear(6), L.Linear(2)], (6, 7, 2)
    )
    weights = {**conv("a", 2, 4), **conv("b", 4, 3, 2), **linear("c", 36, 6), **linear("d", 6, 2)}
    x = normal(5, 2, 6, 7)

    def forward(w):
        vector = torch_conv(w, "b", relu(torch_conv(w, "a", x))).reshape(5, -1)
        return torch_linear(w, "d", torch_linear(w, "c", relu(vector) if between else vector))

    both_ways(model, weights, forward, x.transpose(0, 2, 3, 1))


def test_batch_norm_of_a_flattened_picture_and_what_comes_behind_it():
    model = built([L.Flatten(), L.BatchNorm(), L.Tanh(), L.BatchNorm(), L.Linear(2)], (3, 2, 4))
    weights = {**norm("a", 24), **norm("b", 24), **linear("c", 24, 2)}
    x = normal(5, 4, 3, 2)

    def forward(w):
        return torch_linear(w, "c", torch_norm(w, "b", np.tanh(torch_norm(w, "a", x.reshape(5, -1)))))

    both_ways(model, weights, forward, x.transpose(0, 2, 3, 1))


def test_a_flattened_sequence_keeps_its_order():
    model = built([L.Embedding(5, 3), L.Flatten(), L.Linear(2)], (4,))
    weights = {"e.weight": normal(5, 3), **linear("f", 12, 2)}
    x = RNG.integers(0, 5, (6, 4))
    both_ways(model, weights, lambda w: torch_linear(w, "f", w["e.weight"][x].reshape(6, -1)), x)


def test_a_table_for_each_input_is_flattened_in_its_order():
    model, weights, x = built([L.Flatten(), L.Linear(2)], (3, 4)), linear("f", 12, 2), normal(5, 3, 4)
    both_ways(model, weights, lambda w: torch_linear(w, "f", x.reshape(5, -1)), x)


def test_a_block_of_ids_is_flattened_in_its_order():
    model = built([L.Embedding(5, 3), L.Flatten(), L.Linear(2)], (2, 2, 2))
    weights, x = {"e.weight": normal(5, 3), **linear("f", 24, 2)}, RNG.integers(0, 5, (6, 2, 2, 2))
    both_ways(model, weights, lambda w: torch_linear(w, "f", w["e.weight"][x].reshape(6, -1)), x)


def test_a_picture_without_an_axis_of_channels_gets_one_from_its_first_layer():
    model = built([L.Conv2D(4), L.Flatten(), L.Flatten(), L.Linear(2)], (5, 6))
    weights, x = {**conv("a", 1, 4), **linear("b", 48, 2)}, normal(3, 5, 6)
    both_ways(model, weights, lambda w: torch_linear(w, "b", torch_conv(w, "a", x[:, None]).reshape(3, -1)), x)


def test_a_layer_of_ones_own_makes_a_picture_that_is_flattened():
    class Block(L.Layer):
        def __init__(self):
            self.inner = L.Conv2D(4)

        def build(self, input_shape, rng):
            return self.inner.build(input_shape, rng)

        def __call__(self, x, training=False):
            return self.inner(x)

    model, x = built([Block(), L.Flatten(), L.Linear(2)], (5, 6)), normal(3, 5, 6)
    weights = {**conv("a", 1, 4), **linear("b", 48, 2)}
    bb.load_torch(model, weights)
    assert close(model.predict(x), torch_linear(weights, "b", torch_conv(weights, "a", x[:, None]).reshape(3, -1)))


class Slide(L.Layer):
    """A convolution along a sequence, of two steps: (T,I) -> (T-1,O)."""

    def build(self, input_shape, rng):
        self.kernel = self.parameter("kernel", np.zeros((2, input_shape[1], 3), np.float32))
        return input_shape[0] - 1, 3

    def __call__(self, x, training=False):
        return x[:, :-1] @ self.kernel[0] + x[:, 1:] @ self.kernel[1]


def test_another_kind_of_layer_is_one_row_and_its_kernel_tells_that_pytorch_has_channels_first(monkeypatch):
    monkeypatch.setitem(ROWS, Slide, Row(lambda a: {"weight": [a["kernel"].transpose(2, 1, 0)]}))
    model, x = built([Slide(), L.BatchNorm(), L.Flatten(), L.Linear(2)], (5, 4)), normal(6, 5, 4)
    weights = {"slide.weight": normal(3, 4, 2), **norm("norm", 3), **linear("head", 12, 2)}
    bb.load_torch(model, weights)
    steps = sum(np.einsum("nti,oi->nto", x[:, k : k + 4], weights["slide.weight"][:, :, k]) for k in range(2))
    wanted = torch_linear(weights, "head", torch_norm(weights, "norm", steps).transpose(0, 2, 1).reshape(6, -1))
    assert close(model.predict(x), wanted)


@every_cell
@pytest.mark.parametrize("count", [1, 2])
def test_recurrent_networks(cell, count):
    layers = [L.Embedding(9, 5), *(CELLS[cell](4) for _ in range(count)), L.Linear(9)]
    model = built(layers, (7,))
    weights = {"embed.weight": normal(9, 5), **recurrent("cell", cell, 5, 4, count), **linear("head", 4, 9)}
    x = RNG.integers(0, 9, (3, 7))

    def forward(w):
        h = w["embed.weight"][x]
        for number in range(count):
            h = torch_recurrent(w, "cell", cell, h, number)
        return torch_linear(w, "head", h)

    both_ways(model, weights, forward, x, names=["embed", *["cell"] * count, "head"])


def test_one_hot_ids_are_the_columns_of_the_input_weight():
    model = built([L.LSTM(4, ids=6)], (5,))
    weights, x = recurrent("0", "LSTM", 6, 4), RNG.integers(0, 6, (3, 5))
    both_ways(model, weights, lambda w: torch_recurrent(w, "0", "LSTM", np.eye(6)[x]), x)


def test_layers_inside_a_layer_are_found_in_their_order():
    class Residual(L.Layer):
        def __init__(self, units):
            self.units, self.inner = units, [L.Linear(8), L.Linear(units)]

        def build(self, input_shape, rng):
            return self.inner[1].build(self.inner[0].build(input_shape, rng), rng)

        def __call__(self, x, training=False):
            return x + self.inner[1](self.inner[0](x))

    model, x = built([L.Linear(3), Residual(3)], (2,)), normal(4, 2)
    weights = {**linear("in", 2, 3), **linear("block.0", 3, 8), **linear("block.1", 8, 3)}
    bb.load_torch(model, weights)
    h = torch_linear(weights, "in", x)
    assert close(model.predict(x), h + torch_linear(weights, "block.1", torch_linear(weights, "block.0", h)))
    names = {key.rpartition(".")[0] for key in bb.torch_weights(model)}
    assert names == {"0", "1.inner.0", "1.inner.1"}


def flat(x):
    """(N,H,W,C) -> (N,C*H*W), as PyTorch flattens a picture."""
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


def test_a_graph_of_two_inputs_flattens_each_picture_by_itself():
    a, b, c = bb.Input((4, 5, 2)), bb.Input((3,)), bb.Input((2, 2, 3))
    joined = L.Concatenate()([L.Flatten()(L.ReLU()(a)), b, L.Flatten()(c)])
    model = bb.Model([a, b, c], L.Linear(2)(L.BatchNorm()(joined)))
    weights, x = {**norm("n", 55), **linear("f", 55, 2)}, [normal(6, 4, 5, 2), normal(6, 3), normal(6, 2, 2, 3)]
    bb.load_torch(model, weights)
    vector = np.concatenate([flat(relu(x[0])), x[1], flat(x[2])], axis=1)
    assert close(model.predict(x), torch_linear(weights, "f", torch_norm(weights, "n", vector)))
    out = bb.torch_weights(model, ["n", "f"])
    assert all(np.array_equal(out[key], weights[key]) for key in out)


def test_a_graph_whose_paths_meet_before_and_behind_a_flatten():
    x = bb.Input((5, 5, 2))
    around = L.Add()([x, L.Conv2D(2, padding="same")(x)])
    joined = L.Concatenate()([around, L.Tanh()(around)])
    vector = L.Flatten()(joined)
    model = bb.Model(x, L.Linear(3)(L.Add()([vector, L.Tanh()(vector)])))
    weights, X = {**conv("a", 2, 2), **linear("b", 100, 3)}, normal(4, 5, 5, 2)
    bb.load_torch(model, weights)
    wide = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0))).transpose(0, 3, 1, 2)
    both = X + torch_conv(weights, "a", wide).transpose(0, 2, 3, 1)
    v = flat(np.concatenate([both, np.tanh(both)], axis=3))
    assert close(model.predict(X), torch_linear(weights, "b", v + np.tanh(v)))


def test_a_way_that_is_written_out():
    class Net(bb.Model):
        def __init__(self):
            super().__init__()
            self.head, self.conv, self.flatten = L.Linear(3), L.Conv2D(4), L.Flatten()

        def forward(self, x, training=False):
            x = self.conv(x).relu()[:, 1:]
            return self.head(self.flatten(x + x * 2) / 2)

    model, x = Net(), normal(5, 6, 7, 2)
    model.build((6, 7, 2))
    weights = {**linear("head", 60, 3), **conv("conv", 2, 4)}
    bb.load_torch(model, weights)  # in the order in which the layers are written, as in PyTorch
    h = relu(torch_conv(weights, "conv", x.transpose(0, 3, 1, 2)))[:, :, 1:]
    assert close(model.predict(x), torch_linear(weights, "head", (h + h * 2).reshape(5, -1) / 2))
    assert list(bb.torch_weights(model)) == list(weights)


@pytest.mark.parametrize("means", [lambda x: x.mean(axis=(1, 2)), lambda x: x.relu()[:, 0, 0]])
def test_one_number_of_each_channel_has_the_order_of_the_channels(means):
    class Means(L.Layer):
        def __call__(self, x, training=False):
            return means(x)

    model = built([L.Conv2D(4), Means(), L.Linear(2)], (6, 6, 3))
    weights = {**conv("a", 3, 4), **linear("b", 4, 2)}
    bb.load_torch(model, weights)
    assert np.array_equal(model.layers[2].weight.data, weights["b.weight"].T)


def test_a_layer_that_works_in_two_places_gets_one_order():
    x, shared = bb.Input((2, 2, 3)), L.Linear(4)
    pictures = [shared(L.Flatten()(x)), shared(L.Flatten()(L.ReLU()(x)))]
    bb.torch_weights(bb.Model(x, L.Add()(pictures)))
    x, shared = bb.Input((2, 2, 3)), L.Linear(12)
    model = bb.Model(x, shared(shared(L.Flatten()(x))))
    with pytest.raises(UsageError, match="linear_0' gets the numbers of a picture in an order that"):
        bb.torch_weights(model)


def test_a_vector_in_an_unknown_order_stays_unknown_among_others():
    x, y = bb.Input((2, 2, 3)), bb.Input((4,))
    model = bb.Model([x, y], L.Linear(2)(L.Concatenate()([y, Ravel()(x)])))
    with pytest.raises(UsageError, match="linear_0' gets the numbers of a picture in an order that"):
        bb.torch_weights(model)


# --- what weights may be ---------------------------------------------------------------------------------------------


def two():
    return built([L.Linear(3), L.Linear(3)], (3,))


def test_a_bare_module_has_names_without_a_dot():
    model, weights = built([L.Linear(2)], (3,)), {"weight": normal(2, 3), "bias": normal(2)}
    bb.load_torch(model, weights)
    assert np.array_equal(model.layers[0].weight.data, weights["weight"].T)


def test_half_precision_and_double_become_float32():
    model = built([L.Linear(2)], (3,))
    for dtype in (np.float16, np.float64):
        weights = {key: array.astype(dtype) for key, array in linear("0", 3, 2).items()}
        bb.load_torch(model, weights)
        assert np.array_equal(model.layers[0].weight.data, weights["0.weight"].T.astype(np.float32))


def test_a_graph_on_the_old_weights_refuses_to_run_backward():
    model = built([L.Linear(1)], (2,))
    loss = (model.forward(bb.Tensor(normal(1, 2))) ** 2).sum()
    bb.load_torch(model, linear("0", 2, 1))
    with pytest.raises(UsageError, match="changed"):
        loss.backward()


def test_a_file_as_safetensors_writes_it(tmp_path):
    model = built([L.Linear(3), *(L.Linear(3) for _ in range(11)), L.Linear(2)], (3,))
    weights = {key: array for number in range(12) for key, array in linear(f"body.{number}", 3, 3).items()}
    weights |= linear("all", 3, 2)
    for name in weights:
        if "3" in name:
            weights[name] = weights[name].astype(np.float16)  # which lie by themselves
    save_file(weights, tmp_path / "w.safetensors")
    bb.load_torch(model, tmp_path / "w.safetensors")  # body.10 comes before body.2 in the file, and `all` before both
    for number in range(12):
        assert np.array_equal(model.layers[number].weight.data, weights[f"body.{number}.weight"].T), number
    for again in (load_file(tmp_path / "w.safetensors"), dict(sorted(weights.items()))):
        other = built([type(layer)(layer.units) for layer in model.layers], (3,))
        bb.load_torch(other, again)
        assert all(np.array_equal(array, other.state()[name]) for name, array in model.state().items())


def test_a_file_that_does_not_tell_the_order_wants_names(tmp_path):
    weights, model = {**linear("second", 3, 3), **linear("first", 3, 3)}, two()
    save_file(weights, str(tmp_path / "w.safetensors"))
    with pytest.raises(UsageError, match=r"same shapes.*got 'first' and 'second'; .*names="):
        bb.load_torch(model, str(tmp_path / "w.safetensors"))
    bb.load_torch(model, tmp_path / "w.safetensors", names=["second", "first"])
    assert np.array_equal(model.layers[0].weight.data, weights["second.weight"].T)
    bb.load_torch(model, weights)  # which has an order
    assert np.array_equal(model.layers[0].weight.data, weights["second.weight"].T)


def safetensors_of(path, entries):
    """A file written by hand, of what NumPy has no type for."""
    import json

    header, data = {}, b""
    for name, (dtype, shape, raw) in entries.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_a_file_of_bfloat16_and_float16(tmp_path):
    upper_halves = np.array([0x3F80, 0xC000, 0x4040], "<u2")  # 1, -2, 3
    entries = {
        "0.bias": ("F16", [1], np.array([0.5], "<f2").tobytes()),
        "0.weight": ("BF16", [1, 3], upper_halves.tobytes()),
    }
    safetensors_of(tmp_path / "w", entries)
    model = built([L.Linear(1)], (3,))
    bb.load_torch(model, tmp_path / "w")
    assert model.layers[0].weight.data.ravel().tolist() == [1, -2, 3] and model.layers[0].bias.data.tolist() == [0.5]


def test_what_comes_out_can_be_saved_and_comes_back(tmp_path):
    model = built([L.Conv2D(2), L.BatchNorm(), L.Flatten(), L.Linear(3)], (5, 5, 2))
    bb.load_torch(model, {**conv("0", 2, 2), **norm("1", 2), **linear("3", 18, 3)})
    save_file(bb.torch_weights(model), tmp_path / "w.safetensors")
    again = built([L.Conv2D(2), L.BatchNorm(), L.Flatten(), L.Linear(3)], (5, 5, 2))
    bb.load_torch(again, tmp_path / "w.safetensors")
    assert all(np.array_equal(array, again.state()[name]) for name, array in model.state().items())


# --- what is refused, and leaves the model as it was -----------------------------------------------------------------


def refused(model, weights, match, names=None, error=UsageError):
    before = model.state()
    with pytest.raises(error, match=match):
        bb.load_torch(model, weights, names)
    assert all(np.array_equal(array, before[name]) for name, array in model.state().items())


def without(weights, *names):
    return {name: array for name, array in weights.items() if name not in names}


def test_what_is_missing_left_over_or_of_another_shape_is_named():
    weights = {**linear("fc1", 3, 3), **linear("fc2", 3, 3)}
    missing = r"^fc2.bias: is missing; layer 1 'linear_1' \(Linear\) needs it: expected shape \(3,\); .*np.zeros"
    refused(two(), without(weights, "fc2.bias"), missing)
    refused(two(), without(weights, "fc2.weight"), r"^fc2.weight: is missing")
    refused(two(), without(weights, "fc2.weight", "fc2.bias"), "layer 1 'linear_1' finds no weights, got 1 module")
    refused(two(), weights | linear("fc3", 3, 3), "^fc3.weight: is left over: no layer takes it")
    refused(two(), {**weights, "fc2.scale": normal(3)}, "^fc2.scale: is left over: layer 1 'linear_1'")
    shape = r"^fc2.weight: does not fit layer 1 'linear_1' \(Linear\): expected shape \(3, 3\), got \(3, 4\); .*names="
    refused(two(), {**weights, "fc2.weight": normal(3, 4)}, shape)
    refused(two(), {**weights, "fc2.weight": normal(9)}, r"fc2.weight: does not fit")
    refused(two(), {}, "finds no weights")


def test_both_directions_of_a_sequence_are_not_two_layers():
    weights = recurrent("0", "LSTM", 3, 3)
    weights |= {f"{name}_reverse": array for name, array in weights.items()}
    refused(built([L.LSTM(3), L.LSTM(3)], (4, 3)), weights, "^0.weight_ih_l0_reverse: is left over")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (np.full((3, 3), np.nan), "^fc.weight: holds numbers that are not finite"),
        (np.full((3, 3), 1e300), "^fc.weight: holds numbers that are not finite"),
        (np.zeros((3, 3), int), "^fc.weight: is no array of floats, got int64; .*float"),
        ([[1.0], [1.0, 2.0]], "^fc.weight: is no array"),
        ({"nested": 1}, "^fc.weight: is no array of floats, got object"),
    ],
)
def test_weights_that_are_no_finite_floats(value, match):
    refused(built([L.Linear(3)], (3,)), {"fc.weight": value, "fc.bias": normal(3)}, match)


def test_names_that_do_not_fit():
    weights = {**linear("fc1", 3, 3), **linear("fc2", 3, 3)}
    refused(two(), weights, r"^names: expected of fc1, fc2, got 'fc3'", ["fc1", "fc3"])
    refused(two(), weights, r"^names: expected of fc1, fc2, got 'fc1'", ["fc1", "fc1"])
    refused(two(), weights, "^names: expected one for each of linear_0, linear_1, got", ["fc1"])
    refused(two(), weights | linear("fc3", 3, 3), "^fc1.weight: is left over", ["fc3", "fc2"])
    for names in (["one"], ["a", "b", "c"], "ab"):
        with pytest.raises(UsageError, match=r"^names: expected one for each of linear_0, linear_1, got"):
            bb.torch_weights(two(), names)
    with pytest.raises(UsageError, match=r"^names: expected each once, got 'a'; only the layers of one recurrent"):
        bb.torch_weights(two(), ["a", "a"])


def test_what_is_no_weights_at_all(tmp_path):
    refused(two(), object(), "^weights: expected tensors by name, or the path .* got object; give module.state_dict")
    refused(two(), tmp_path / "none", "no such file", error=InputError)


def test_pickles_are_never_opened(tmp_path):
    import pickle
    import zipfile

    for name, data in {
        "old.pt": pickle.dumps({"weight": 1}),
        "web.pt": b"<!DOCTYPE html><p>no",
        "short.pt": b"abc",
    }.items():
        (tmp_path / name).write_bytes(data)
        refused(two(), tmp_path / name, f"{name}: is no safetensors file.*never opened; .*save_file", error=InputError)
    with zipfile.ZipFile(tmp_path / "new.pt", "w") as archive:
        archive.writestr("data.pkl", b"")
    refused(
        two(), tmp_path / "new.pt", "looks like a zip archive .*PyTorch.*safetensors.torch.save_file", error=InputError
    )


def test_damaged_files_and_models_of_ours(tmp_path):
    save_file({**linear("a1", 3, 3), **linear("a2", 3, 3)}, tmp_path / "w")
    (tmp_path / "cut").write_bytes((tmp_path / "w").read_bytes()[:-1])
    refused(two(), tmp_path / "cut", "truncated: .*save_file", error=InputError)
    safetensors_of(tmp_path / "eight", {"0.weight": ("F8_E4M3", [1], b"1")})
    refused(two(), tmp_path / "eight", "dtype 'F8_E4M3' .* expected one of F16, BF16, F32", error=InputError)
    model = two()
    model.save(tmp_path / "ours")
    refused(model, tmp_path / "ours", r"is a model of ours.*bb\.load", error=InputError)


def test_a_model_that_is_not_built():
    model = bb.Sequential([L.Linear(3)])
    for call in (lambda: bb.load_torch(model, linear("0", 3, 3)), lambda: bb.torch_weights(model)):
        with pytest.raises(UsageError, match=r"before the model is built.*build\(input_shape\)"):
            call()


class Own(L.Layer):
    """Something with a weight, from a vector or a picture to as many numbers as it is told."""

    def __init__(self, units=None):
        self.units, self.inner = units, L.Linear(units or 1)

    def build(self, input_shape, rng):
        self.inner.build((int(np.prod(input_shape)),), rng)
        return (self.units,)

    def output_shape(self, input_shape):
        return (self.units,)

    def __call__(self, x, training=False):
        return self.inner(x.reshape(len(x), -1))


class Swish(L.Layer):
    def __call__(self, x, training=False):
        return x * x.sigmoid()


class Half(L.Layer):
    def __call__(self, x, training=False):
        return x[:, ::2]


class Around(L.Layer):
    """Adds to a vector what a matrix makes of it, whose order is another."""

    def __init__(self, units):
        self.units, self.inner = units, [L.Linear(units), L.Linear(units)]

    def __call__(self, x, training=False):
        return self.inner[1](x + self.inner[0](x))


class Turn(L.Layer):
    def __call__(self, x, training=False):
        return x.transpose(0, 3, 1, 2)


class Column(L.Layer):
    def __call__(self, x, training=False):
        return x.reshape(len(x), -1, 1)


class Ravel(L.Layer):
    def __call__(self, x, training=False):
        return x.reshape(len(x), -1)


@pytest.mark.parametrize(
    "chain",
    [
        [L.Flatten(), Around(12)],
        [Column(), Ravel(), L.Linear(2)],
        [Turn(), L.Flatten(), L.Linear(2)],
        [Own(2)],
        [Ravel(), L.Linear(2)],
        [Ravel(), Ravel(), L.BatchNorm()],
        [L.Flatten(), Half(), L.Linear(2)],
    ],
    ids=["around", "column", "turned", "inside", "own", "twice", "half"],
)
def test_a_layer_of_ones_own_that_flattens_a_picture_is_refused(chain):
    model = built(chain, (2, 2, 3))
    with pytest.raises(UsageError, match=r"gets the numbers of a picture in an order that.*bb\.layers\.Flatten"):
        bb.torch_weights(model)


def test_where_the_order_of_a_picture_makes_no_difference_nothing_is_refused():
    bb.torch_weights(built([Own(2)], (2, 2, 1)))
    bb.torch_weights(built([L.Flatten(), Half(), L.Linear(2)], (2, 2, 1)))
    bb.torch_weights(built([L.Conv2D(2), Ravel(), L.ReLU()], (4, 4, 1)))
    bb.torch_weights(built([Own(2)], (1, 1, 3)))
    bb.torch_weights(built([L.Flatten(), L.Linear(4), Own(2)], (2, 2, 3)))


def test_a_function_of_ones_own_passes_a_flattened_picture_on():
    ours, own = built([L.Flatten(), L.Linear(2)], (2, 2, 3)), built([L.Flatten(), Swish(), L.Linear(2)], (2, 2, 3))
    weights = linear("fc", 12, 2)
    for model in (ours, own):
        bb.load_torch(model, weights)
    assert np.array_equal(ours.layers[1].weight.data, own.layers[2].weight.data)


def test_a_layer_that_pytorch_does_not_have_is_refused():
    class Gain(L.Layer):
        def build(self, input_shape, rng):
            self.gain = self.parameter("gain", np.ones(input_shape, np.float32))
            return input_shape

        def __call__(self, x, training=False):
            return x * self.gain

    model = built([L.Linear(2), Gain()], (3,))
    with pytest.raises(UsageError, match=r"layer 1 'gain_0' is a Gain, whose weights have no like in PyTorch"):
        bb.torch_weights(model)


# --- beside PyTorch --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")


def beside(torch, module, model, x, torch_x, names=None, tmp_path=None):
    """Both compute the same with the module's weights, and with ours given back to it."""
    module.eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.3)
        bb.load_torch(model, module.state_dict(), names)
        assert close(model.predict(x), np.asarray(module(torch_x)))
        fresh = [array + 0.1 for array in model.state().values()]
        model.load_state(dict(zip(model.state(), fresh, strict=True)))
        given = bb.torch_weights(model, names)
        module.load_state_dict({name: torch.from_numpy(array) for name, array in given.items()})
        assert close(np.asarray(module(torch_x)), model.predict(x))


def test_a_cnn_beside_pytorch(torch):
    nn = torch.nn
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same"), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(),
        nn.Linear(6 * 4 * 5, 16), nn.ReLU(), nn.Linear(16, 10),
    )  # fmt: skip
    model = built(
        [L.Conv2D(8, padding="same"), L.BatchNorm(), L.ReLU(), L.MaxPool(2), L.Conv2D(6), L.ReLU(), L.Flatten(),
         L.Dropout(0.5), L.Linear(16), L.ReLU(), L.Linear(10)], (12, 14, 3),
    )  # fmt: skip
    module(torch.randn(16, 3, 12, 14))  # so that the running averages are not those of the start
    x = normal(5, 12, 14, 3)
    beside(torch, module, model, x, torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))


def test_a_network_with_batch_norm_beside_pytorch(torch):
    nn = torch.nn
    module = nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.Tanh(), nn.Linear(9, 4))
    model = built([L.Linear(9), L.BatchNorm(), L.Tanh(), L.Linear(4)], (6,))
    module(torch.randn(16, 6))
    x = normal(7, 6)
    beside(torch, module, model, x, torch.from_numpy(x))


@every_cell
@pytest.mark.parametrize("count", [1, 2])
def test_recurrent_networks_beside_pytorch(torch, cell, count):
    class Writer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(20, 8)
            self.cell = getattr(torch.nn, cell)(8, 12, num_layers=count, batch_first=True)
            self.head = torch.nn.Linear(12, 20)

        def forward(self, x):
            return self.head(self.cell(self.embed(x))[0])

    model = built([L.Embedding(20, 8), *(CELLS[cell](12) for _ in range(count)), L.Linear(20)], (15,))
    x = RNG.integers(0, 20, (4, 15))
    beside(torch, Writer(), model, x, torch.from_numpy(x), ["embed", *["cell"] * count, "head"])


def test_tensors_of_any_kind_and_files_of_pytorch(torch, tmp_path):
    from safetensors.torch import load_file, save_file

    module, model = (
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)),
        built([L.Linear(4), L.BatchNorm()], (3,)),
    )
    for kind in (torch.float64, torch.float16, torch.bfloat16, torch.float32):
        module.to(kind)
        wanted = module[0].weight.detach().float().numpy().T
        save_file(module.state_dict(), tmp_path / "w.safetensors")
        state = {**module.state_dict(), "0.weight": module[0].weight}  # one that wants a gradient
        for weights in (state, tmp_path / "w.safetensors", load_file(tmp_path / "w.safetensors")):
            model.layers[0].weight = np.zeros((3, 4))
            bb.load_torch(model, weights)
            assert np.array_equal(model.layers[0].weight.data, wanted)


def test_a_tensor_without_numbers_is_refused(torch):
    weights = {"0.weight": torch.zeros(1, 1, device="meta"), "0.bias": torch.zeros(1)}
    refused(built([L.Linear(1)], (1,)), weights, "^0.weight: is no array")


def test_a_file_of_torch_save_is_refused(torch, tmp_path):
    torch.save({"0.weight": torch.zeros(1)}, tmp_path / "w.pt")
    refused(built([L.Linear(1)], (1,)), tmp_path / "w.pt", "pickles are never opened", error=InputError)
