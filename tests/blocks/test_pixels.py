"""The transformer inside patches, against timm's, and its stem."""

import timm.models.tnt
import torch

from archsearch import blocks


def randomised(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
    return module


def test_pixel_transformer_equals_the_inner_part_of_timm():
    torch.manual_seed(0)
    theirs = timm.models.tnt.Block(
        dim=12, dim_out=24, num_pixel=16, num_heads_in=3, num_heads_out=2, legacy=True
    )
    randomised(theirs)
    ours = blocks.PixelTransformer(24, 12, 16, 3, 48, norm_eps=1e-5)
    sources = {
        "attention_norm": theirs.norm_in,
        "attention_proj": theirs.attn_in.proj,
        "mlp_norm": theirs.norm_mlp_in,
        "fc1": theirs.mlp_in.fc1,
        "fc2": theirs.mlp_in.fc2,
        "norm": theirs.norm1_proj,
        "proj": theirs.proj,
    }
    for name, module in sources.items():
        getattr(ours, name).load_state_dict(module.state_dict())
    with torch.no_grad():
        ours.qkv.weight.copy_(torch.cat([theirs.attn_in.qk.weight, theirs.attn_in.v.weight]))
        # what comes after the inner part leaves the patch tokens as they are
        for module in (theirs.attn_out.proj, theirs.mlp.fc2):
            module.weight.zero_()
            module.bias.zero_()
    pixels, x = torch.randn(2 * 6, 16, 12), torch.randn(2, 7, 24)
    their_pixels, their_patches = theirs(pixels, x)
    patches, our_pixels = ours(x[:, 1:].reshape(2, 2, 3, 24), pixels.reshape(2, 6, 16, 12))
    torch.testing.assert_close(our_pixels.flatten(0, 1), their_pixels, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(patches.flatten(1, 2), their_patches[:, 1:], rtol=1e-4, atol=1e-5)


def test_pixel_stem_puts_each_pixel_in_its_patch():
    stem = blocks.PixelStem(3, 8, patch_size=8, pixel_dim=4, pixel_size=2).eval()
    with torch.no_grad():
        stem.pixel_position_table.zero_()
    image = torch.randn(1, 3, 16, 24)
    patches, pixels = stem(image)
    assert patches.shape == (1, 8, 2, 3)
    assert pixels.shape == (1, 6, 16, 4)
    fine = stem.pixel_conv(image)
    # row 1, column 2 of the patches; row 3, column 1 inside the patch
    torch.testing.assert_close(pixels[0, 1 * 3 + 2, 3 * 4 + 1], fine[0, :, 1 * 4 + 3, 2 * 4 + 1])


def test_pixel_stem_pads_what_patches_do_not_tile():
    stem = blocks.PixelStem(3, 8, patch_size=16, pixel_dim=4, pixel_size=4)
    patches, pixels = stem(torch.randn(2, 3, 33, 16))
    assert patches.shape == (2, 8, 3, 1)
    assert pixels.shape == (2, 3, 16, 4)


def test_sine_waves_start_with_sine_of_zero_and_are_not_trained():
    position = blocks.sinusoid_table(6, 2, class_token=True)
    assert not any(parameter.requires_grad for parameter in position.parameters())
    torch.testing.assert_close(position.class_table[0], torch.tensor([0.0, 1, 0, 1, 0, 1]))
    angle = torch.tensor(3.0)  # of the third token after the class token
    torch.testing.assert_close(position.table[1, 0, :2], torch.stack([angle.sin(), angle.cos()]))
