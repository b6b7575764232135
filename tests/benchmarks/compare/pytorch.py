"""PyTorch's side: the loop that its users write, over tensors that lie ready, in several ways."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch

from tests.benchmarks.compare import ours
from tests.benchmarks.compare.cases import AT_A_TIME, BATCH, EMBEDDING, LETTERS, UNITS, Case, picture_products
from tests.benchmarks.compare.side import Turns

torch.set_num_threads(1)
nn = torch.nn


def network(filters, hidden) -> nn.Module:
    """The same as `ours.network`; pictures come channels first."""
    chain: list[nn.Module] = []
    before = 1
    for kind, count, kernel in filters:
        if kind == "SeparableConv2D":
            chain.append(nn.Conv2d(before, before, kernel, groups=before, bias=False))
            kernel = 1
        chain += [nn.Conv2d(before, count, kernel), nn.ReLU(), nn.MaxPool2d(2)]
        before = count
    chain.append(nn.Flatten())
    flat = picture_products(filters, hidden, 1)[len(filters)][2]
    for before, width in pairwise([flat, *hidden]):
        chain += [nn.Linear(before, width), nn.ReLU()]
    return nn.Sequential(*chain, nn.Linear([flat, *hidden][-1], 10))


def _train(turns: Turns, module: nn.Module, batch: Callable, rows: int, loss: Callable, way: str) -> None:
    """Epochs over shuffled batches. `batch` gives inputs and targets by their numbers, `loss` one number of them."""
    optimizer = torch.optim.Adam(module.parameters(), fused="fused" in way or None)
    if "compiled" in way:
        loss = torch.compile(loss)
    more = True
    while more:
        for numbers in torch.randperm(rows).split(BATCH):
            optimizer.zero_grad()
            loss(*batch(numbers)).backward()
            optimizer.step()
        more = turns.next()


def _pictures(rows: int, way: str) -> tuple[Callable, torch.Tensor]:
    """What gives pictures (n, 1, 28, 28) of some rows in the layout of a way, and the labels of all."""
    X, y = ours.pictures(rows)
    X = torch.tensor(X).float()[..., None] / 255
    if "channels_last" not in way:
        X = X.permute(0, 3, 1, 2).contiguous()
        return lambda numbers: X[numbers], torch.tensor(y).long()
    # Of one channel both layouts are the same memory; by its strides PyTorch takes this one for channels_last.
    return lambda numbers: X[numbers].permute(0, 3, 1, 2), torch.tensor(y).long()


def train_pictures(turns: Turns, case: Case, way: str) -> None:
    rows, module = BATCH * case.times, network(**case.given)
    if "channels_last" in way:
        module = module.to(memory_format=torch.channels_last)
    x, y = _pictures(rows, way)
    measure = nn.CrossEntropyLoss()
    _train(turns, module, lambda numbers: (x(numbers), y[numbers]), rows, lambda x, y: measure(module(x), y), way)


@torch.inference_mode()
def predict_pictures(turns: Turns, case: Case, way: str) -> None:
    module, rows = network(case.given["filters"], case.given["hidden"]).eval(), case.given["rows"]
    if "channels_last" in way:
        module = module.to(memory_format=torch.channels_last)
    x = _pictures(rows, way)[0](slice(None))
    if "compiled" in way:
        module = torch.compile(module)

    def predict() -> None:
        for _ in range(case.times):
            torch.cat([module(part) for part in x.split(AT_A_TIME)]) if rows > 1 else module(x)

    predict()
    while turns.next():
        predict()


class Characters(nn.Module):
    """Embedding, recurrent layers and a dense layer; time comes first, which is what PyTorch is fastest with."""

    def __init__(self, cell: str, layers: int):
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, EMBEDDING)
        self.cells = getattr(nn, cell)(EMBEDDING, UNITS, layers)
        self.head = nn.Linear(UNITS, LETTERS)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.cells(self.embedding(ids))[0])


def train_characters(turns: Turns, case: Case, way: str) -> None:
    rows = BATCH * case.times
    x, y = (torch.tensor(part) for part in ours.letters(rows))
    module, measure = Characters(**case.given), nn.CrossEntropyLoss()

    def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return measure(module(x).flatten(0, 1), y.flatten())

    _train(turns, module, lambda numbers: (x[numbers].T, y[numbers].T), rows, loss, way)
