"""Mistakes that a type checker finds before the program runs: one in each line that says so, and none elsewhere."""

import numpy as np

import braininabox as bb


def mistakes(X: np.ndarray) -> None:
    model = bb.Sequential([bb.layers.Linear(1)])
    bb.Sequential(bb.layers.Linear(1))  # wrong: a layer is no list
    bb.Sequential([bb.layers.Linear("1")])  # wrong: a number
    bb.Sequential([bb.layers.Linnear(1)])  # wrong: misspelt
    bb.Sequential([bb.layers.Linear(1, activatoin="relu")])  # wrong: misspelt
    model.compile(optimizer=0.1, loss=bb.loss.MSE())  # wrong: a learning rate is no optimizer
    history = model.fit(X, X, callbacks=[bb.callbacks.Progress])  # wrong: not made
    bb.callbacks.Progres()  # wrong: misspelt
    model.fit(epochs=3)  # wrong: nothing to learn from
    text: str = history[-1]["train_loss"]  # wrong: a number
    print(text, history[-1].train_loss)  # wrong: a dictionary
    bb.load(3)  # wrong: a path
    bb.load("model.safetensors").predcit(X)  # wrong: misspelt
    bb.load_torch(model)  # wrong: no weights
    bb.Tensor([1.0]).relu().backwards()  # wrong: misspelt
    bb.export.c_haeder(model, "model.h")  # wrong: misspelt
