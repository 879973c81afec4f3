"""The weights that openai-whisper is measured with are those of the local server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.local_speech import weights
from local.weights import model_path
from tests.standins import MODELS


@pytest.mark.speech
def test_the_weights_are_the_same_numbers_under_other_names() -> None:
    held = weights.stored(Path(model_path(MODELS), "model.bin"))

    found = weights.renamed(held)

    def left_out(title: str) -> int:
        """Keys' biases, a third or a half of the whole, are zero and not there."""
        if title.endswith("self_attention/linear_0/bias"):
            return held[title].size // 3
        return held[title].size // 2 if title.endswith("/attention/linear_1/bias") else 0

    numbers = {title: whole.size for title, whole in held.items() if whole.size > 1}
    wanted = sum(size - left_out(title) for title, size in numbers.items() if "heads" not in title)
    assert sum(whole.size for whole in found.values()) == wanted
    query, key, value = np.split(held["decoder/layer_5/self_attention/linear_0/bias"], 3)
    assert not key.any()
    assert np.array_equal(found["decoder.blocks.5.attn.query.bias"], query)
    assert np.array_equal(found["decoder.blocks.5.attn.value.bias"], value)
    assert weights.dimensions(held)["n_text_layer"] == 6
