"""Small space files that between them use everything the loader knows."""

SPACES = {
    "nested": """\
image_size: 32
stem: {type: conv, stride: 4}
stages:
  - depth: {int: [1, 3]}
    width: {choice: [16, 32]}
    head_dim: {choice: [8, 16]}
    ffn: {choice: [mlp, {type: locality, gate: {choice: [none, {type: se, reduction: 4}]}}]}
    attention:
      choice:
        - {type: window, window_size: {choice: [2, 4]}, shift: {choice: [true, false]}}
        - {type: window_global, window_size: 2, global_tokens: {choice: [2, 4]}}
        - self_attention
""",
    "two stages and defaults": """\
image_size: 32
stem: {choice: [{type: patch, patch_size: 4}, {type: conv, stride: {choice: [2, 4]}}]}
stage_defaults:
  depth: 1
  head_dim: 16
  downsample: merge
  attention: {choice: [self_attention, {type: sparse_global, sample_rate: {choice: [1, 2]}}]}
  ffn: {type: mlp, expansion: 2}
stages:
  - {width: {choice: [16, 32]}}
  - {width: {choice: [16, 32, 48]}, depth: {choice: [1, 2]}}
""",
    "number of stages": """\
image_size: 32
stem: {type: patch, patch_size: 4}
num_stages: {choice: [1, 3, 2]}
stage_defaults:
  depth: {choice: [1, 2]}
  width: {choice: [16, 32]}
  num_heads: 2
  downsample: merge
  attention: self_attention
  ffn: mlp
stages: [{}, {}, {depth: 1}]
""",
    "shared parameters": """\
image_size: 32
stem: {type: patch, patch_size: 4}
parameters:
  base: {choice: [16, 32]}
  heads: {choice: [1, 2]}
  mixer:
    choice:
      - {type: window, window_size: {choice: [2, 4]}}
      - {type: window_global, window_size: {ref: window}, global_tokens: {choice: [2, 4]}}
      - self_attention
  window: {choice: [2, 4, 8]}
stages:
  - {depth: 1, width: {ref: base}, num_heads: {ref: heads}, attention: {ref: mixer}, ffn: mlp}
  - depth: 1
    width: {ref: base, times: 2}
    num_heads: {ref: heads}
    downsample: merge
    ffn: mlp
    attention:
      choice: [{ref: mixer}, {type: window, window_size: {ref: window}}, self_attention]
""",
    "following": """\
image_size: 32
parameters:
  shape: {choice: [plain, pyramid]}
  width: {choice: [16, 32]}
stem:
  ref: shape
  choice:
    plain: {type: patch, patch_size: {choice: [4, 8]}}
    pyramid: {type: patch, patch_size: 4}
stages:
  ref: shape
  choice:
    plain:
      - {depth: {choice: [1, 2]}, width: {ref: width}, num_heads: 2,
         attention: self_attention, ffn: mlp}
    pyramid:
      - {depth: 1, width: {ref: width}, num_heads: 2, attention: self_attention, ffn: mlp}
      - depth: 1
        width: {choice: [16, 32, 64]}
        num_heads: 2
        downsample: merge
        attention: self_attention
        ffn: {choice: [mlp, locality]}
""",
    "patterns": """\
image_size: 32
stem: {type: patch, patch_size: 4}
stages:
  - depth: {int: [1, 5]}
    width: 16
    num_heads: 2
    ffn: {type: mlp, expansion: {choice: [2, 4]}}
    blocks:
      - {attention: {type: window, window_size: {choice: [2, 4]}}}
      - {attention: {type: window, window_size: {choice: [2, 4]}}, repeat: {choice: [1, 2]}}
      - {attention: self_attention, ffn: {choice: [mlp, locality]}}
""",
    "choice of patterns": """\
image_size: 32
stem: {type: patch, patch_size: 4}
stages:
  - depth: {choice: [2, 4]}
    width: 16
    num_heads: 2
    ffn: mlp
    blocks:
      choice:
        same: [{attention: self_attention}]
        turns: [{attention: self_attention}, {attention: {type: window, window_size: 2}}]
        window: [{attention: {choice: [self_attention, {type: window, window_size: 2}]}}]
""",
    "lists of stages": """\
image_size: 32
stem: {type: patch, patch_size: 4}
stage_defaults: {depth: {choice: [1, 2]}, width: 16, num_heads: 2, attention: self_attention,
                 ffn: mlp, downsample: merge}
stages: {choice: [[{}, {}], [{}]]}
rules: {widths_do_not_shrink: false}
""",
    "tiles only": """\
image_size: 28
stem: {type: patch, patch_size: 4}
stages:
  - depth: 1
    width: {choice: [16, 32]}
    num_heads: 2
    ffn: mlp
    attention: {type: window, window_size: {choice: [2, 3, 7, 9]}}
rules: {windows_tile_maps: true}
""",
    "a plain architecture": """\
stem: {type: patch, patch_size: 16}
stages: [{depth: 2, width: 64, num_heads: 4, blocks: [{attention: self_attention, ffn: mlp}]}]
""",
    "flat": """\
parameters:
  op: {choice: [{type: conv, kernel: {choice: [3, 5]}}, {type: pool}, skip]}
  layers: {int: [2, 8], step: 2}
  wide: {choice: [true, false]}
  rate: {choice: [0.1, 0.01]}
  seed: 3
""",
}
