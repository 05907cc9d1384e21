"""Every shipped ablation, at every scale: it reads, and each of its networks builds."""

from pathlib import Path

import pytest
import torch

from archsearch.ablation import is_ablation, open_study, scale_names
from archsearch.arch import Arch
from archsearch.cost import count_arch
from archsearch.model import build_model
from archsearch.resources import resource_dir

STUDIES = sorted(path for path in resource_dir("studies").glob("*.yaml") if is_ablation(path))
SCALES = [(path, scale) for path in STUDIES for scale in scale_names(path)]
#: more than this would not end within an hour on two cores
SMALL_TRAININGS, SMALL_MACS = 40, 12e6


def built_on_meta(arch: Arch) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_model(arch).parameters())


@pytest.mark.parametrize(("path", "scale"), SCALES, ids=lambda each: getattr(each, "stem", each))
def test_a_study_opens_and_its_networks_build(path: Path, scale: str) -> None:
    study, networks = open_study(path, scale)
    for text in (study.question, study.cost):
        assert len(text) > 20
    assert len(study.seeds) >= 3
    assert study.recipe is not None
    assert all(built_on_meta(network.arch) > 0 for network in networks.all)
    if scale == "full":
        assert networks.base.arch.image_size == 224
        assert study.data == "folder:imagenet"
        assert study.recipe.epochs == 300
    if scale == "small":
        assert len(networks.all) * len(study.seeds) <= SMALL_TRAININGS
        assert max(count_arch(network.arch).macs for network in networks.all) <= SMALL_MACS
        assert study.data == "digits", "the small scale needs no download"


def test_every_study_has_a_small_scale() -> None:
    assert len(STUDIES) == 10
    assert all("small" in scale_names(path) for path in STUDIES)


#: parameters of the papers' variants in millions, counted with fvcore on the official code
COUNTED = [
    ("lightvit_components", "+ both gates", 9.377698),
    ("edgevit_components", "without local aggregation", 3.355),
    ("edgevit_sampling", "rates=2-2-2-1", 4.067),
    ("edgevit_sampling", "rates=8-4-2-1", 4.070),
    ("localvit_locality", "plain MLP", 5.717),
    ("localvit_locality", "1x1 convolutions", 5.724),
    ("localvit_locality", "depthwise", 5.826),
    ("localvit_locality", "h-swish, ECA", 5.826),
    ("localvit_locality", "h-swish, SE 96", 5.982),
    ("localvit_locality", "h-swish, SE 4", 9.376),
    ("localvit_placement", "low", 5.754),
    ("localvit_placement", "high", 5.754),
    ("localvit_placement", "low and mid", 5.790),
    ("localvit_expansion", "ffn=depthwise, expansion=1", 3.082),
    ("localvit_expansion", "ffn=depthwise, expansion=6", 7.655),
    ("sepvit_components", "without grouping", 32.079),
    ("sepvit_components", "without position", 31.168),
]


@pytest.mark.parametrize(("study", "variant", "millions"), COUNTED)
def test_a_variant_has_the_parameters_of_the_official_code(
    study: str, variant: str, millions: float
) -> None:
    networks = {network.name: network for network in open_study(study)[1].all}
    assert built_on_meta(networks[variant].arch) / 1e6 == pytest.approx(millions, abs=6e-4)
