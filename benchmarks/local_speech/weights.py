"""CTranslate2's file of Whisper's weights, under the names that openai-whisper gives them.

The same numbers: what is compared is how they are reckoned with. The file's form is that of
`ctranslate2.specs.model_spec`, version 6; needs nothing but numpy.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tensors: TypeAlias = dict[str, NDArray[Any]]

VERSION = 6
TYPES = ("float32", "int8", "int16", "int32", "float16")
"""By their numbers in the file."""
_WHOLE = {
    "encoder/conv1": "encoder.conv1",
    "encoder/conv2": "encoder.conv2",
    "encoder/position_encodings/encodings": "encoder.positional_embedding",
    "encoder/layer_norm": "encoder.ln_post",
    "decoder/embeddings": "decoder.token_embedding",
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
    "decoder/layer_norm": "decoder.ln",
}
_IN_A_LAYER = {
    "self_attention/layer_norm": ["attn_ln"],
    "self_attention/linear_0": ["attn.query", "attn.key", "attn.value"],
    "self_attention/linear_1": ["attn.out"],
    "attention/layer_norm": ["cross_attn_ln"],
    "attention/linear_0": ["cross_attn.query"],
    "attention/linear_1": ["cross_attn.key", "cross_attn.value"],
    "attention/linear_2": ["cross_attn.out"],
    "ffn/layer_norm": ["mlp_ln"],
    "ffn/linear_0": ["mlp.0"],
    "ffn/linear_1": ["mlp.2"],
}
"""Several are one matrix in the file, one beneath the other."""
_ENDS = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
_LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/(.+)/(\w+)")


def stored(file: Path) -> Tensors:
    """All variables of a CTranslate2 model, under its own names."""
    content = memoryview(file.read_bytes())
    at = 0

    def number(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{form}", content, at)
        at += struct.calcsize(form)
        return int(value)

    def block(size: int) -> memoryview:
        nonlocal at
        at += size
        return content[at - size : at]

    def name() -> str:
        return bytes(block(number("H"))[:-1]).decode()

    version, kind, _revision = number("I"), name(), number("I")
    if (version, kind) != (VERSION, "WhisperSpec"):
        raise ValueError(f"{kind} of version {version} is not a Whisper of version {VERSION}.")
    found: Tensors = {}
    for _ in range(number("I")):
        title = name()
        shape = [number("I") for _ in range(number("B"))]
        element = TYPES[number("B")]
        found[title] = np.frombuffer(block(number("I")), element).reshape(shape)
    return found


def renamed(held: Tensors) -> Tensors:
    """The weights as openai-whisper's `load_state_dict` takes them, in single precision."""
    return {
        name: np.array(values, "float32")
        for title, whole in held.items()
        for name, values in _parts(title, whole)
    }


def _parts(title: str, whole: NDArray[Any]) -> list[tuple[str, NDArray[Any]]]:
    """What one variable of the file is there; keys have no bias: the file's is zero."""
    if title in _WHOLE:
        return [(_WHOLE[title], whole)]
    if (layer := _LAYER.fullmatch(title)) and layer[3] in _IN_A_LAYER:
        side, number, place, end = layer.groups()
        names = _IN_A_LAYER[place]
        return [
            (f"{side}.blocks.{number}.{name}.{_ENDS[end]}", part)
            for name, part in zip(names, np.split(whole, len(names)), strict=True)
            if not (name.endswith("key") and end == "bias")
        ]
    where, _, end = title.rpartition("/")
    return [(f"{_WHOLE[where]}.{_ENDS[end]}", whole)] if where in _WHOLE else []


def dimensions(held: Tensors) -> dict[str, int]:
    """The sizes of the model, as openai-whisper's `ModelDimensions` names them."""
    words, width = held["decoder/embeddings/weight"].shape
    layers = {
        side: 1 + max(int(found[2]) for title in held if (found := _layer_of(side, title)))
        for side in ("encoder", "decoder")
    }
    return {
        "n_mels": held["encoder/conv1/weight"].shape[1],
        "n_vocab": words,
        "n_audio_ctx": held["encoder/position_encodings/encodings"].shape[0],
        "n_audio_state": held["encoder/conv1/weight"].shape[0],
        "n_audio_head": int(held["encoder/num_heads"]),
        "n_audio_layer": layers["encoder"],
        "n_text_ctx": held["decoder/position_encodings/encodings"].shape[0],
        "n_text_state": width,
        "n_text_head": int(held["decoder/num_heads"]),
        "n_text_layer": layers["decoder"],
    }


def _layer_of(side: str, title: str) -> re.Match[str] | None:
    found = _LAYER.fullmatch(title)
    return found if found and found[1] == side else None
