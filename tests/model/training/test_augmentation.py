"""Random variations of images: what moves, mirrors, brightens, rotates and scales."""

import numpy as np
import torch

from firstspike_model.training.augmentation import RandomVariations


def test_shifts_move_whole_images():
    image = torch.zeros(1, 5, 6, dtype=torch.uint8)
    image[0, 2, 3] = 200
    taken = RandomVariations(image, 2, False, 0, torch.Generator().manual_seed(0)).take(torch.zeros(500, dtype=torch.int64))
    assert taken.shape == (500, 5, 6)
    places = {tuple(place.tolist()[1:]) for place in torch.nonzero(taken)}
    assert places == {(row, column) for row in range(5) for column in range(1, 6)}
    assert (taken.sum(dim=(1, 2)) == 200).all()
    assert torch.equal(RandomVariations(image, 0, False, 0, torch.Generator()).take(torch.tensor([0])), image)


def test_half_of_the_images_are_mirrored():
    image = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4)
    taken = RandomVariations(image, 0, True, 0, torch.Generator().manual_seed(0)).take(torch.zeros(400, dtype=torch.int64))
    mirrored = (taken == image.flip(2)).all(dim=(1, 2))
    assert torch.equal(~mirrored, (taken == image).all(dim=(1, 2)))
    assert 150 < mirrored.sum() < 250


def test_brightness_multiplies_each_image_by_its_own_factor():
    image = torch.tensor([[[0, 1, 100, 200]]], dtype=torch.uint8)
    taken = RandomVariations(image, 0, False, 0.5, torch.Generator().manual_seed(0)).take(torch.zeros(400, dtype=torch.int64))
    factors = taken[:, 0, 2] / 100
    assert factors.min() < 0.63
    assert factors.max() > 1.6
    assert (factors.log().abs() <= 0.51).all()
    assert (taken[:, 0, 0] == 0).all()
    cut = factors > 255 / 200
    assert 0 < cut.sum() < 400
    assert (taken[cut, 0, 3] >= 254).all()
    assert ((taken[~cut, 0, 3] - 200 * factors[~cut]).abs() <= 2).all()


def test_images_are_rotated_and_scaled_about_their_centres():
    """A bar through the centre stays there; the positions of its ends show the angle and the scale, either way."""
    image = torch.zeros(1, 41, 41, dtype=torch.uint8)
    image[0, 20, 8:33] = 255  # 25 long

    def ends(**options):
        variations = RandomVariations(image, 0, False, 0, torch.Generator().manual_seed(0), **options)
        taken = variations.take(torch.zeros(300, dtype=torch.int64))
        bright = [torch.nonzero(picture > 100).double() - 20 for picture in taken]
        assert all(picture.mean(dim=0).abs().max() < 1 for picture in bright)
        return torch.stack([picture[picture[:, 1].argmax()] for picture in bright])  # of the right end: down, right

    turned = ends(largest_rotation=30.0)
    angles = torch.rad2deg(torch.atan2(turned[:, 0], turned[:, 1]))
    assert 25 < angles.max() < 34
    assert -34 < angles.min() < -25
    grown = ends(largest_scaling=0.25)
    assert grown[:, 0].abs().max() <= 1
    assert 14 <= grown[:, 1].max() <= 16
    assert 8 <= grown[:, 1].min() <= 10


def test_moved_images_may_be_reflected_at_their_border():
    image = torch.arange(24, dtype=torch.uint8).reshape(1, 1, 4, 6) + 1
    generator = torch.Generator().manual_seed(0)
    taken = RandomVariations(image, 1, False, 0, generator, reflected=True).take(torch.zeros(200, dtype=torch.int64))
    wide = np.pad(image[0, 0].numpy(), 1, mode="reflect")
    wanted = {wide[row : row + 4, column : column + 6].tobytes() for row in range(3) for column in range(3)}
    assert {part.numpy().tobytes() for part in taken[:, 0]} == wanted


def test_images_are_mirrored_in_every_other_epoch():
    images = torch.randint(0, 256, (40, 3, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    variations = RandomVariations(images, 0, False, 0, torch.Generator().manual_seed(2), alternating=True)
    first = variations.take(torch.arange(40))
    assert 5 < sum(int(torch.equal(a, b.flip(1))) for a, b in zip(first, images, strict=True)) < 35
    variations.epoch = 1
    assert torch.equal(variations.take(torch.arange(40)), first.flip(2))
    variations.epoch = 2
    assert torch.equal(variations.take(torch.arange(40)), first)


def test_a_square_of_mean_brightness_is_cut_out():
    images = torch.full((1, 3, 8, 9), 100, dtype=torch.uint8)
    images[..., 4:] = 102
    images[:, 0] += 3
    variations = RandomVariations(images, 0, False, 0, torch.Generator().manual_seed(0), cutout=3)
    taken = variations.take(torch.zeros(300, dtype=torch.int64))
    changed = taken != images
    mean = round(float(images.float().mean()))
    assert (taken[changed] == mean).all()
    squares = (taken == mean).all(dim=1) & changed.any(dim=1)
    assert {tuple(place[1:].tolist()) for place in squares.nonzero()} == {
        (row, column) for row in range(8) for column in range(9)
    }
    assert (squares.sum(dim=(1, 2)) == 9).all()
