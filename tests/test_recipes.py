"""Recipes: round trips, settings and their errors."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heirloom.errors import HeirloomError
from heirloom.models import UNPUBLISHED
from heirloom.recipes import RECIPES, Recipe, data_of, find_recipe

BASE = Recipe(model="lenet5", data="digits")


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_json_and_bear_their_names(name: str) -> None:
    found, recipe = find_recipe(name)
    assert found == name
    assert name.startswith(f"{recipe.model}_{recipe.data}") or recipe.model in UNPUBLISHED
    assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe
    assert data_of(name) == recipe.data
    if name == f"{recipe.model}_{recipe.data}":
        assert find_recipe(recipe.model, recipe.data) == (name, recipe)
    assert (Path(__file__).parent.parent / "src" / "heirloom" / "recipes" / f"{name}.py").is_file()


def test_a_model_without_a_recipe_gets_the_general_one() -> None:
    assert find_recipe("lenet_caffe", "digits") == ("lenet_caffe_digits", Recipe("lenet_caffe", "digits"))
    assert find_recipe("nets/own.py:Net", "digits")[0] == "Net_digits"


def test_stochastic_depth_reads_its_images_as_its_program() -> None:
    """cifar-dataset.lua: ``mean(1)`` over the images, ``std()`` over everything; known to be 64.15 of 255."""
    recipe = find_recipe("resnet110_stochastic_cifar10")[1]
    assert recipe.normalise == "mean_image"
    assert 255 * recipe.std == pytest.approx(64.150, abs=0.001)


def test_a_folder_of_photographs(tmp_path: Path) -> None:
    """A network that reads photographs gets the recipe for them, unless it goes on from weights."""
    folder = f"{tmp_path}/woof"
    title, recipe = find_recipe("squeezenet1_1", folder)
    assert (title, recipe.augment, recipe.optimizer) == ("squeezenet1_1_woof", "crop_mirror", "nesterov")
    assert find_recipe("lenet5", folder)[1] == Recipe("lenet5", folder)  # it reads characters
    assert find_recipe("resnet20", folder)[1] == Recipe("resnet20", folder)  # CIFAR's are small
    assert find_recipe("nets/own.py:Net", folder)[1] == Recipe("nets/own.py:Net", folder)
    begun = find_recipe("squeezenet1_1", folder, ["weights=w.safetensors"])[1]
    assert (begun.mean, begun.std, begun.normalise) == (0, 1, "given")  # the weights know better
    paper = find_recipe("alexnet_imagenet", folder)[1]
    assert (paper.data, paper.std) == (folder, 1 / 255)


def test_a_recipe_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(dataclasses.replace(BASE, lr=0.5).as_dict()))
    assert find_recipe(str(path))[1].lr == 0.5
    for text, words in [
        ("{", "cannot read the recipe"),
        ("[]", "not a JSON object"),
        ('{"model": "lenet5"}', "incomplete recipe"),
        ('{"model": "lenet5", "data": "digits", "epochs": "3"}', "epochs='3': .*must be int"),
        ('{"model": "lenet5", "data": "digits", "epochs": true}', "must be int"),
        ('{"model": "lenet5", "data": "digits", "epoch": 3}', "did you mean 'epochs'"),
        ('{"model": "lenet5", "data": "digits", "loss": "mapp"}', "did you mean 'map'"),
    ]:
        path.write_text(text)
        with pytest.raises(HeirloomError, match=words) as caught:
            find_recipe(str(path))
        assert caught.value.status == 2
    with pytest.raises(HeirloomError, match="cannot read the recipe"):
        find_recipe(str(tmp_path / "none.json"))


def test_settings() -> None:
    changed = BASE.changed(["epochs=3", "lr=1e-2", "loss=map", "weights=a=b.safetensors"])
    assert (changed.epochs, changed.lr, changed.loss, changed.weights) == (3, 0.01, "map", "a=b.safetensors")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("epoch=3", "unknown key 'epoch': did you mean 'epochs'"),
        ("qqq=3", "unknown key 'qqq': known: args, augment, average"),
        ("epochs", "a setting is key=value"),
        ("epochs=3.5", "epochs must be int"),
        ("epochs=0", "at least 1"),
        ("lr=fast", "lr must be float"),
        ("lr=0", "above 0"),
        ("lr=nan", "above 0"),
        ("lr=inf", "above 0"),
        ("momentum=1.5", "at least 0 and below 1"),
        ("batch_size=0", "at least 1"),
        ("std=0", "above 0"),
        ("mean=nan", "finite"),
        ("seed=-1", "0 or more"),
        ("max_steps=-1", "0 or more"),
        ("optimizer=adm", "did you mean 'adam'"),
        ("schedule=cosin", "did you mean 'cosine'"),
        ("augment=elastc", "did you mean 'elastic'"),
        ("bias_lr=0", "above 0"),
        ("average=1", "below 1"),
        ("temperature=0", "above 0"),
        ("smoothing=1", "below 1"),
        ("schedule=steps", "lr_steps=: schedule is steps"),
        ("lr_steps=2:0.5", "schedule is cosine"),
        ("lr_steps=2", "must be EPOCH:FACTOR pairs"),
        ("lr_steps=-1:0.5", "must be EPOCH:FACTOR pairs"),
        ("lr_steps=3:0.5 2:0.1", "must be EPOCH:FACTOR pairs"),
        ("lr_steps=3:nan", "must be EPOCH:FACTOR pairs"),
        ("lr_patience=0", "at least 1"),
        ("bias_decay=-1", "0 or more"),
        ("layer_lr=conv1", "must be PATTERN:EPOCH:FACTOR"),
        ("layer_lr=conv1:-1:2", "must be PATTERN:EPOCH:FACTOR"),
        ("layer_lr=conv1:1:nan", "must be PATTERN:EPOCH:FACTOR"),
        ("layer_lr=:1:0.5", "must be PATTERN:EPOCH:FACTOR"),
        ("layer_lr=conv1:1:2:3", "must be PATTERN:EPOCH:FACTOR"),
        ("resize=cut", "known: crop, fit, warp"),
        ("normalise=mean_imag", "did you mean 'mean_image'"),
    ],
)
def test_wrong_settings(setting: str, words: str) -> None:
    with pytest.raises(HeirloomError, match=words) as caught:
        BASE.changed([setting])
    assert caught.value.code == "E-recipe"


def test_settings_that_exclude_each_other() -> None:
    for together, words in [
        (["loss=map", "smoothing=0.1"], "must be 0 where loss=map"),
        (["optimizer=nesterov", "momentum=0"], "above 0 for nesterov"),
        (["schedule=every", "lr_steps=2:0.5 3:0.1"], "must be one pair"),
        (["schedule=every", "lr_steps=0:0.5"], "must be one pair"),
        (["schedule=update_steps"], "lr_steps=: schedule is update_steps"),
    ]:
        with pytest.raises(HeirloomError, match=words):
            BASE.changed(together)
    assert BASE.changed(["schedule=steps", "lr_steps=2:0.5 7:0.1"]).lr_factor(6) == 0.5


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from([f.name for f in dataclasses.fields(Recipe)]) | st.text(max_size=5),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.integers(), max_size=2),
        max_size=6,
    )
)
def test_any_json_gives_a_recipe_or_one_clear_line(values: dict[str, object]) -> None:
    try:
        recipe = Recipe.from_dict({"model": "lenet5", "data": "digits"} | values)
    except HeirloomError as error:
        assert "\n" not in str(error)
    else:
        assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe
