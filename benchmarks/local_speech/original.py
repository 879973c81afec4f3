"""openai-whisper on PyTorch, with the weights of the local server and as many of its settings.

Runs in a virtual environment of its own (`make bench-whisper OPENAI_WHISPER=1`), which has PyTorch.
It has no filter of silences; it reckons in single precision, for the others' int8 it does not have.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from whisper.model import ModelDimensions, Whisper

from benchmarks.local_speech import weights
from benchmarks.local_speech.protocol import answer


def load(folder: Path) -> Whisper:
    """The model out of a folder of CTranslate2's."""
    held = weights.stored(folder / "model.bin")
    model = Whisper(ModelDimensions(**weights.dimensions(held)))
    model.load_state_dict({name: torch.tensor(own) for name, own in weights.renamed(held).items()})
    heads = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
    for layer, head in json.loads((folder / "config.json").read_text())["alignment_heads"]:
        heads[layer, head] = True
    model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    return model.eval()


def main() -> None:
    """Load the model in the folder that is named, and answer for arrays of samples."""
    settings = json.loads(sys.argv[2])
    torch.set_num_threads(1)
    model = load(Path(sys.argv[1]))

    def hear(file: str) -> str:
        heard = model.transcribe(
            np.load(file),
            language="en",
            fp16=False,
            condition_on_previous_text=False,
            word_timestamps=True,
            **settings,
        )
        return str(heard["text"])

    made_of = {"openai-whisper": version("openai-whisper"), "torch": torch.__version__}
    answer(hear, made_of=made_of)


if __name__ == "__main__":
    main()
