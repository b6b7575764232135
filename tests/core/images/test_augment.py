import numpy as np
import pytest

from brainbox_core.errors import UsageError
from brainbox_core.images.augment import Warp, sample
from brainbox_core.rng import stream


def blob() -> np.ndarray:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 10:18, 12:16] = 255
    return image


def centre(image: np.ndarray) -> np.ndarray:
    return (np.indices(image.shape) * image).sum(axis=(1, 2)) / image.sum()


def test_a_warp_of_no_strength_changes_nothing():
    images = stream(0, "test").integers(0, 256, (5, 28, 28), dtype=np.uint8)
    assert (Warp()(images, stream(0, "warp")) == images).all()


def test_a_shift_moves_the_ink_by_at_most_its_strength_and_keeps_its_amount():
    moved = Warp(shift=3)(blob().repeat(50, axis=0), stream(0, "warp"))
    distances = np.array([centre(image) - centre(blob()[0]) for image in moved.astype(float)])
    assert np.abs(distances).max() <= 3.05
    assert np.abs(distances).max(axis=0).min() > 2  # both ways, and nearly as far as allowed
    assert np.allclose(moved.sum(axis=(1, 2), dtype=float), blob().sum(), rtol=0.02)


@pytest.mark.parametrize("strength", [{"rotation": 90}, {"scale": 0.3}, {"shear": 0.3}, {"elastic": 2}])
def test_every_strength_moves_ink_and_not_far(strength):
    moved = Warp(**strength)(blob().repeat(20, axis=0), stream(1, "warp")).astype(float)
    assert (moved != blob()).any(axis=(1, 2)).all()
    assert max(np.abs(centre(image) - centre(blob()[0])).max() for image in moved) < 4


def test_a_quarter_turn_turns_about_the_middle():
    image = stream(0, "test").random((1, 5, 5))
    rows, columns = np.meshgrid(np.arange(5.0), np.arange(5.0), indexing="ij")
    turned = sample(image, columns[None].astype(np.float32), (4 - rows)[None].astype(np.float32))
    assert np.allclose(turned[0], np.rot90(image[0]))


def test_outside_is_nothing_on_every_side():
    image = np.full((1, 3, 4), 7.0)
    far = np.array([-9.0, -1.0, 3.0, 99.0], np.float32)[None, None]
    assert (sample(image, far, np.ones_like(far)) == 0).all()
    across = np.array([-9.0, -1.0, 4.0, 99.0], np.float32)[None, None]
    assert (sample(image, np.ones_like(across), across) == 0).all()


def test_shape_and_dtype_stay_and_the_input_is_not_changed():
    for images in (blob(), blob()[..., None], blob() / np.float32(255)):
        before = images.copy()
        moved = Warp(shift=2, elastic=1)(images, stream(0, "warp"))
        assert (moved.shape, moved.dtype) == (images.shape, images.dtype)
        assert (images == before).all()


def test_the_same_generator_gives_the_same_images():
    images, warp = blob().repeat(3, axis=0), Warp(2, 10, 0.1, 0.1, 1)
    assert (warp(images, stream(3, "a")) == warp(images, stream(3, "a"))).all()
    assert (warp(images, stream(3, "a")) != warp(images, stream(3, "b"))).any()


@pytest.mark.parametrize("strength", [{"shift": -1}, {"rotation": 181}, {"scale": 1.0}, {"elastic": float("nan")}])
def test_a_strength_out_of_range_is_named(strength):
    with pytest.raises(UsageError, match=next(iter(strength))):
        Warp(**strength)


def test_colour_is_refused():
    with pytest.raises(UsageError, match="one channel"):
        Warp()(np.zeros((1, 8, 8, 3)), stream(0, "warp"))
