"""Published weights: every key accounted for, the same answers as diffusers' own UNet, and clear refusals."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from curate import weights
from curate.errors import WeightsError
from tests.train.random_clips import SHRUNKEN_SD15, random_inputs, random_latents
from train.models.emo import CODECS, EmoModel
from train.models.presets import build, unet_sizes
from train.models.pretrained import load_pretrained
from train.models.sources import Pretrained

UNET, ADAPTER = "stable-diffusion/unet", "motion-adapter"
WEIGHTS = "diffusion_pytorch_model.safetensors"


def save_unet(folder: Path, **changes: object) -> None:
    sizes = unet_sizes(SHRUNKEN_SD15, suffix="2D") | {"cross_attention_dim": 24, "attention_head_dim": 4} | changes
    UNet2DConditionModel(**sizes).save_pretrained(folder)


def save_adapter(folder: Path, **changes: object) -> None:
    adapter = MotionAdapter(
        **(
            {
                "block_out_channels": SHRUNKEN_SD15.channels,
                "motion_layers_per_block": 2,
                "motion_num_attention_heads": 4,
            }
            | changes
        )
    )
    adapter.save_pretrained(folder)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders as diffusers and transformers write them, with random weights of small sizes."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("published")
    save_unet(folder / UNET)
    save_adapter(folder / ADAPTER)
    AutoencoderKL(
        block_out_channels=(8,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
    ).save_pretrained(folder / "vae")
    wav2vec2 = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    Wav2Vec2ForCTC(wav2vec2).save_pretrained(folder / "wav2vec2")
    return folder


@pytest.fixture
def sources(published: Path, tmp_path: Path) -> Pretrained:
    """The same in folders that a test may change."""
    shutil.copytree(published, tmp_path / "sources")
    return Pretrained(
        unet=str(tmp_path / "sources/stable-diffusion"),
        motion_adapter=str(tmp_path / "sources" / ADAPTER),
        vae=str(tmp_path / "sources/vae"),
        wav2vec2=str(tmp_path / "sources/wav2vec2"),
    )


def build_from(sources: Pretrained) -> EmoModel:
    torch.manual_seed(1)
    return build(SHRUNKEN_SD15, pretrained=sources).eval()


def test_every_parameter_is_accounted_for_once(sources: Pretrained) -> None:
    model = build_from(sources)
    report = load_pretrained(model, sources)
    own = {name for name in model.state_dict() if not name.startswith(CODECS)}
    assert set(report.loaded) | set(report.new) == own
    assert not set(report.loaded) & set(report.new)
    assert all(
        ("motion_modules" in name) == (source == sources.motion_adapter) for name, source in report.loaded.items()
    )
    published = load_file(Path(sources.unet, "unet", WEIGHTS))
    for part, unused in report.unused.items():
        of_unet = {name for name, source in report.loaded.items() if source == sources.unet and name.startswith(part)}
        assert {name.removeprefix(part) for name in of_unet} == published.keys() - set(unused)
    assert f"loaded from {sources.unet}" in str(report)
    assert "unused by reference_net.unet: conv_out.bias" in str(report)


def test_without_its_text_it_is_stable_diffusion(sources: Pretrained) -> None:
    model = build_from(sources)
    load_pretrained(model, sources)
    original = UNet2DConditionModel.from_pretrained(sources.unet, subfolder="unet").eval()
    for name, module in original.named_modules():
        if name.endswith("attn2"):
            torch.nn.init.zeros_(module.to_out[0].weight)
            torch.nn.init.zeros_(module.to_out[0].bias)
    inputs = random_inputs(1, frames=1, sizes=SHRUNKEN_SD15, features=model.speech.features)
    latents, timesteps = random_latents(1, frames=1, sizes=SHRUNKEN_SD15), torch.tensor([300])
    with torch.no_grad():
        found = model(latents, timesteps, replace(inputs, motion=None, motion_given=None, speed=None))
        expected = original(latents[:, 0], timesteps, torch.zeros(1, 1, 24)).sample
    assert torch.allclose(found[:, 0], expected, atol=1e-5)


def test_codecs_are_loaded_and_tell_their_weights(sources: Pretrained) -> None:
    model = build_from(sources)
    assert model.codecs == build_from(sources).codecs
    file = Path(sources.vae, WEIGHTS)
    save_file({name: value + 0.01 for name, value in load_file(file).items()}, file, metadata={"format": "pt"})
    other = build_from(sources)
    assert other.codecs["latents"] != model.codecs["latents"]
    assert other.codecs["speech"] == model.codecs["speech"]


def test_files_with_the_names_of_their_day_are_read(sources: Pretrained) -> None:
    """sd-vae-ft-mse and wav2vec2-base-960h are older than the names that diffusers and transformers now use."""
    expected = build_from(sources).codecs
    vae, wav2vec2 = Path(sources.vae, WEIGHTS), Path(sources.wav2vec2, "model.safetensors")
    rename(vae, {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."})
    rename(
        wav2vec2, {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}
    )
    assert build_from(sources).codecs == expected


def rename(file: Path, names: dict[str, str]) -> None:
    state = {name: value for name, value in load_file(file).items() if "masked_spec_embed" not in name}
    for now, then in names.items():
        state = {name.replace(now, then): value for name, value in state.items()}
    save_file(state, file, metadata={"format": "pt"})


def test_a_folder_of_ours_goes_before_the_hub(sources: Pretrained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    before, cache = weights.folders()
    weights.use_folders([Path(sources.vae).parent])
    try:
        found = build_from(replace(sources, vae="someone/vae", wav2vec2="someone/wav2vec2"))
    finally:
        weights.use_folders(before, cache=cache)
    assert found.codecs == build_from(sources).codecs


def test_an_adapter_without_a_mid_block_leaves_the_models_an_identity(sources: Pretrained) -> None:
    shutil.rmtree(sources.motion_adapter)
    save_adapter(Path(sources.motion_adapter), use_motion_mid_block=False)
    report = load_pretrained(build_from(sources), sources)
    assert any(name.startswith("backbone.mid_block.motion_modules.") for name in report.new)


@pytest.mark.parametrize(
    ("place", "change", "said"),
    [
        (UNET, "lose conv_in.bias", "lacks conv_in.bias"),
        (UNET, "add stowaway", "holds also stowaway"),
        (UNET, "reshape conv_in.bias", "conv_in.bias"),
        (UNET, "pickle", "can't load UNet2DConditionModel"),
        (UNET, "cut", "can't load UNet2DConditionModel"),
        (ADAPTER, "lose mid_block.motion_modules.0.proj_in.bias", "lacks mid_block.motion_modules.0.proj_in.bias"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(sources: Pretrained, place: str, change: str, said: str) -> None:
    file = Path(sources.unet).parent / place / WEIGHTS
    model, what = build_from(sources), change.split()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = load_file(file)
    if what[0] == "pickle":
        torch.save(state, file.with_suffix(".bin"))
        file.unlink()
    elif what[0] == "cut":
        file.write_bytes(file.read_bytes()[:1000])
    else:
        changes = {"lose": None, "add": torch.zeros(1), "reshape": torch.zeros(3)}
        state = {name: value for name, value in (state | {what[1]: changes[what[0]]}).items() if value is not None}
        save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=said):
        load_pretrained(model, sources)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_another_number_of_heads_is_refused_though_the_shapes_are_the_same(sources: Pretrained) -> None:
    config = Path(sources.unet, "unet/config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"attention_head_dim": 2}))
    with pytest.raises(WeightsError, match="its attention_head_dim is 2, the model's 4"):
        load_pretrained(build_from(sources), sources)


def test_another_size_is_refused(sources: Pretrained) -> None:
    shutil.rmtree(sources.motion_adapter)
    save_adapter(Path(sources.motion_adapter), block_out_channels=(32, 32, 64, 32))
    with pytest.raises(WeightsError, match="not those of the model"):
        load_pretrained(build_from(sources), sources)


def test_a_source_that_cannot_be_reached_is_named_with_what_to_do(
    sources: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"'someone/no-such-vae'.*EMOFORGE_WEIGHTS"):
        build(SHRUNKEN_SD15, pretrained=replace(sources, vae="someone/no-such-vae"))
