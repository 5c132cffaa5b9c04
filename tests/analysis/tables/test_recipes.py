"""Names of runs, and the configurations that recipes become."""

import pytest

from selfsup import networks, weights
from selfsup.analysis.tables.recipes import Recipe

COLORS = Recipe("colorization", {"preset": "sample", "steps": 7})
MASKS = Recipe("segmentation", {"max_steps": 5}, COLORS)


def test_a_chain_ends_in_the_run_itself():
    assert MASKS.chain == (COLORS, MASKS)
    assert COLORS.chain == (COLORS,)


def test_names_follow_the_settings_of_all_runs_of_the_chain():
    longer = Recipe("segmentation", {"max_steps": 6}, COLORS)
    other = Recipe("segmentation", {"max_steps": 5}, Recipe("colorization", {}))
    names = {recipe.name for recipe in (MASKS, longer, other, MASKS.with_seed(1))}
    assert len(names) == 4
    equal = Recipe("segmentation", {"max_steps": 5}, Recipe(*_fields(COLORS)))
    assert equal.name == MASKS.name == MASKS.with_seed(0).name


def _fields(recipe):
    return recipe.task, dict(reversed(recipe.settings.items()))


def test_seeds_of_a_recipe_have_one_digest():
    assert MASKS.with_seed(3).digest == MASKS.digest
    assert MASKS.with_seed(3).name == f"segmentation-{MASKS.digest}-3"


def test_weights_are_known_by_what_they_are(tmp_path):
    paths = [tmp_path / f"{name}.keras" for name in "abc"]
    backbone = networks.alexnet(width=0.02)
    for path in paths[:2]:
        weights.save(backbone, path)
    weights.save(networks.alexnet(width=0.02), paths[2])
    first, same, other = (
        Recipe("segmentation", {"max_steps": 5, "init": str(path)}) for path in paths
    )
    assert first.name == same.name != other.name


def test_a_configuration_has_settings_paths_and_start():
    config = MASKS.with_seed(2).config({"voc_dir": "VOC"}, "runs/colors")
    assert (config.voc_dir, config.init) == ("VOC", "runs/colors")
    assert (config.max_steps, config.seed) == (5, 2)
    config = COLORS.config({"data": ("photos",)})
    # The rest is the preset's.
    assert (config.data, config.steps, config.width) == (("photos",), 7, 0.25)


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match="Received: sharpness"):
        Recipe("segmentation", {"sharpness": 1}).config({"voc_dir": "VOC"})
