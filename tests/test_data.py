"""Data, order, augmentation and preprocessing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates
from sklearn.datasets import load_digits

from heirloom.data import DATA, load_data
from heirloom.data.augmentation.distortion import _displacements, elastic, planar, planar_elastic, planar_pool
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import mix, permutation, uniform
from heirloom.errors import HeirloomError

QUIET = settings(max_examples=50)


def test_the_digits_are_scikit_learns() -> None:
    dataset, source = load_data("digits"), load_digits()
    everything = dataset.split("train+val+test")
    assert len(everything) == 1797
    np.testing.assert_allclose(everything.images[:, 0].numpy() / 255 * 16, source.images, atol=16 / 255 / 2)
    assert everything.images.max() == 255
    assert everything.labels.tolist() == source.target.tolist()
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 1157,
        "val": 258,
        "test": 382,
    }


def test_the_digits_are_cut_where_a_sheet_begins() -> None:
    """Each sheet begins with 0 to 9, and no image stands in two splits."""
    dataset = load_data("digits")
    for name in ("train", "val", "test"):
        assert dataset.split(name).labels[:10].tolist() == list(range(10))
    images = [
        set(map(bytes, dataset.split(name).images.flatten(1).numpy())) for name in ("train", "val", "test")
    ]
    assert not images[0] & images[1]
    assert not images[0] & images[2]
    assert not images[1] & images[2]


def test_unknown_names() -> None:
    with pytest.raises(HeirloomError, match="unknown data set 'digts': did you mean 'digits'"):
        load_data("digts")
    with pytest.raises(HeirloomError, match="digits has no split 'tests': did you mean 'test'"):
        load_data("digits").split("train+tests")
    with pytest.raises(HeirloomError, match="names a split twice"):
        load_data("digits").split("test+test")
    assert list(DATA) == ["digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "imagenet"]


def _splitmix(state: int) -> int:
    """The published algorithm in plain integers."""
    mask = 2**64 - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_the_hash_is_splitmix() -> None:
    assert int(mix(0)) == _splitmix(0) == 0xE220A8397B1DCDAF  # the generator's first published output
    assert int(mix(7, 2**64 - 1, 12345)) == _splitmix(_splitmix(_splitmix(7) ^ (2**64 - 1)) ^ 12345)
    assert mix(3, np.arange(4)).tolist() == [int(mix(3, i)) for i in range(4)]


@QUIET
@given(st.integers(0, 2**63 - 1), st.integers(0, 1000), st.integers(1, 300))
def test_an_order_is_a_permutation_of_its_own(seed: int, epoch: int, count: int) -> None:
    order = permutation(seed, epoch, count)
    assert sorted(order.tolist()) == list(range(count))
    assert order.tolist() == permutation(seed, epoch, count).tolist()
    if count > 20:
        assert order.tolist() != permutation(seed, epoch + 1, count).tolist()
        assert order.tolist() != permutation(seed + 1, epoch, count).tolist()


def test_draws_are_uniform_and_independent() -> None:
    index = np.arange(20_000)
    draws = np.stack([uniform(1, 0, index, number, -2, 3) for number in range(4)])
    assert draws.min() >= -2
    assert draws.max() < 3
    counts = np.stack([np.histogram(d, 20, (-2, 3))[0] for d in draws])
    chi_squared = ((counts - 1000) ** 2 / 1000).sum(axis=1)
    assert (chi_squared < 43.8).all()  # 99.9 % point of 19 degrees of freedom
    assert np.abs(np.corrcoef(draws) - np.eye(4)).max() < 0.03


@pytest.mark.parametrize("distort", [planar, planar_pool, elastic, planar_elastic])
def test_a_distortion_depends_on_seed_epoch_and_index_alone(distort: Callable[..., torch.Tensor]) -> None:
    images = torch.rand(6, 1, 32, 32)
    index = np.array([4, 9, 2, 7, 100, 0])
    together = distort(images, 3, 5, index)
    alone = torch.cat([distort(images[i : i + 1], 3, 5, index[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(together, alone)
    assert not torch.equal(together, distort(images, 3, 6, index))
    assert not torch.equal(together, distort(images, 4, 5, index))


def test_the_pool_has_ten_versions_each_once_in_ten_epochs() -> None:
    """The original among them; and the same ten again in the next ten epochs."""
    images = torch.rand(4, 1, 16, 16)
    index = np.array([5, 0, 17, 3])
    seen = [planar_pool(images, 2, epoch, index) for epoch in range(20)]
    for i in range(4):
        first, second = (sorted(seen[e][i].sum().item() for e in range(a, a + 10)) for a in (0, 10))
        assert len(set(first)) == 10
        assert first == second
        assert sum(torch.equal(seen[e][i], images[i]) for e in range(10)) == 1
    originals = [next(e for e in range(10) if torch.equal(seen[e][i], images[i])) for i in range(4)]
    assert len(set(originals)) > 1  # each image has an order of its own


def test_elastic_is_simards_field_smoothed_by_scipy() -> None:
    """Field, smoothing and interpolation by scipy, from the same random numbers."""
    rng = np.random.default_rng(0)
    image = gaussian_filter(rng.random((28, 28)), 1.0).astype(np.float32)
    index = np.array([42])
    ours = elastic(torch.from_numpy(image)[None, None], 7, 3, index)[0, 0].numpy()
    bits = mix(7, 3, 42, 0x656C6173, np.arange(28 * 28))
    raw = np.stack([bits & np.uint64(0xFFFFFFFF), bits >> np.uint64(32)]).astype(np.float64) / 2**31 - 1
    fields = [
        34 * gaussian_filter(field.reshape(28, 28), 4.0, mode="constant", truncate=20.0) for field in raw
    ]
    rows, columns = np.mgrid[:28, :28].astype(np.float64)
    theirs = map_coordinates(image, [rows + fields[1], columns + fields[0]], order=1, mode="constant")
    inside = (slice(4, -4),) * 2
    assert np.abs(theirs - ours)[inside].max() < 2e-3
    assert np.abs(ours - image)[inside].max() > 0.05


def test_elastic_displacements_have_the_published_size() -> None:
    """A smoothed uniform field has the deviation alpha / sqrt(3) / (2 sigma sqrt(pi)) far from the edge."""
    images = torch.zeros(400, 1, 28, 28)
    field = _displacements(images, 0, 0, np.arange(400), 34.0) * 14  # in pixels
    middle = field[:, 13:15, 13:15]
    assert float(middle.std()) == pytest.approx(34 / 3**0.5 / (2 * 4 * np.pi**0.5), rel=0.05)
    assert abs(float(middle.mean())) < 0.15


def test_planar_moves_a_dot_as_an_affine_map_does() -> None:
    """Pillow's affine transform with the same numbers is the oracle."""
    image = torch.zeros(1, 1, 32, 32)
    image[0, 0, 8:14, 18:25] = 1.0
    index = np.array([11])
    distorted = planar(image, 0, 0, index)[0, 0].numpy()
    scale, squeeze, shear, dx, dy = (
        base + float(uniform(0, 0, index, number, -width, width)[0])
        for number, (base, width) in enumerate([(1, 0.12), (1, 0.12), (0, 0.2), (0, 0.12), (0, 0.12)])
    )
    a, b, e = 1 / (scale * squeeze), shear, squeeze / scale
    # From centred halves of the side to pixels.
    c, f = 16 * dx + 16 - 16 * (a + b), 16 * dy + 16 - 16 * e
    theirs = Image.fromarray(image[0, 0].numpy()).transform(
        (32, 32), Image.Transform.AFFINE, (a, b, c, 0, e, f), Image.Resampling.BILINEAR
    )
    assert np.abs(np.asarray(theirs) - distorted).max() < 0.02
    assert np.abs(distorted - image[0, 0].numpy()).max() > 0.5  # and it did move


def test_fitting_keeps_proportions_and_centres() -> None:
    tall = torch.full((1, 1, 8, 4), 255, dtype=torch.uint8)
    fitted = Preprocess((1, 32, 32), 20).fit(tall)
    rows, columns = fitted[0, 0].nonzero().unbind(1)
    assert (int(rows.min()), int(rows.max())) == (6, 25)
    assert (int(columns.min()), int(columns.max())) == (11, 20)


@QUIET
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 7, 20, 32]), st.sampled_from([1, 3]))
def test_any_image_fits(height: int, width: int, box: int, channels: int) -> None:
    images = torch.randint(0, 256, (2, channels, height, width), dtype=torch.uint8)
    for wanted in (1, 3):
        fitted = Preprocess((wanted, 32, 28), min(box, 28)).fit(images)
        assert fitted.shape == (2, wanted, 32, 28)
        assert fitted.dtype == torch.uint8
        assert int(fitted.max()) <= int(images.max()) + 1


def test_resizing_is_what_pillow_does() -> None:
    image = torch.randint(0, 256, (1, 1, 50, 40), dtype=torch.uint8)
    ours = Preprocess((1, 25, 20)).fit(image)[0, 0].numpy().astype(int)
    theirs = np.asarray(
        Image.fromarray(image[0, 0].numpy()).resize((20, 25), Image.Resampling.BILINEAR)
    ).astype(int)
    assert np.abs(ours - theirs).max() <= 1


def test_grey_values_of_the_paper() -> None:
    preprocess = Preprocess((1, 4, 4), 0, (0.1 / 1.275,), (1 / 1.275,))
    values = preprocess(torch.tensor([0, 255], dtype=torch.uint8).repeat(8).view(1, 1, 4, 4)).unique()
    torch.testing.assert_close(values, torch.tensor([-0.1, 1.175]))


def test_colour_and_grey() -> None:
    colour = torch.tensor([200, 100, 50], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    theirs = Image.new("RGB", (1, 1), (200, 100, 50)).convert("L").getpixel((0, 0))
    assert Preprocess((1, 4, 4)).fit(colour).unique().tolist() == [theirs]
    assert Preprocess((3, 4, 4)).fit(colour[:, :1]).unique().tolist() == [200]


def test_preprocessing_survives_json() -> None:
    original = Preprocess((3, 32, 28), 20, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    assert Preprocess.from_dict(original.as_dict()) == original
