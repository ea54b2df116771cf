"""EfficientNet-Lite0 (Tan and Le 2019, quantisation-friendly variant), with the published checkpoint's key names."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

STAGES: tuple[tuple[int, int, int, int, int], ...] = (
    # repeats, kernel, stride, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
FEATURES = 1280
CLASSES = 1000
BATCH_NORM_EPS = 1e-3  # TensorFlow's value; torch's default of 1e-5 changes the features


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": at stride 2 the odd pixel of padding goes right and down."""

    def forward(self, input: Tensor) -> Tensor:
        top_bottom = self._padding(input.shape[-2], axis=0)
        left_right = self._padding(input.shape[-1], axis=1)
        return super().forward(functional.pad(input, (*left_right, *top_bottom)))

    def _padding(self, size: int, *, axis: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[axis], self.stride[axis]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2


def build_conv(channels_in: int, channels_out: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> SameConv2d:
    """A convolution without bias: a norm follows."""
    return SameConv2d(channels_in, channels_out, kernel, stride=stride, groups=groups, bias=False)


def build_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm as TensorFlow's."""
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS)


class Block(nn.Module):
    """Inverted bottleneck: expand, depthwise, project; Lite has no squeeze-and-excitation, and ReLU6 for swish."""

    def __init__(self, *, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self.residual = stride == 1 and channels_in == channels_out
        if expansion != 1:
            self._expand_conv = build_conv(channels_in, wide)
            self._bn0 = build_norm(wide)
        self.expands = expansion != 1
        self._depthwise_conv = build_conv(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self._bn1 = build_norm(wide)
        self._project_conv = build_conv(wide, channels_out)
        self._bn2 = build_norm(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        out: Tensor = x + y if self.residual else y
        return out


class EfficientNetLite0(nn.Module):
    """Pictures (n, 3, 224, 224), RGB, (value - 127) / 128 -> class scores (n, 1000); `features` stops at (n, 1280).

    The preprocessing is that of the official TensorFlow code (tensorflow/tpu, efficientnet/lite: MEAN_RGB 127,
    STDDEV_RGB 128), not ImageNet's mean and deviation.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = build_conv(3, STEM_CHANNELS, kernel=3, stride=2)
        self._bn0 = build_norm(STEM_CHANNELS)
        self._blocks = nn.ModuleList(build_blocks())
        self._conv_head = build_conv(STAGES[-1][-1], FEATURES)
        self._bn1 = build_norm(FEATURES)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Pictures (n, 3, 224, 224) -> the globally averaged last activations (n, 1280), each in [0, 6]."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        return x.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self._fc(self.features(x))
        return scores


def build_blocks() -> list[Block]:
    """The sixteen blocks of STAGES; only a stage's first block strides."""
    blocks = []
    channels = STEM_CHANNELS
    for repeats, kernel, stride, expansion, out in STAGES:
        for repeat in range(repeats):
            first_stride = stride if repeat == 0 else 1
            blocks.append(
                Block(channels_in=channels, channels_out=out, kernel=kernel, stride=first_stride, expansion=expansion)
            )
            channels = out
    return blocks
