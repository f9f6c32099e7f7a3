"""Turns the default model's GGUF file into what vLLM loads: safetensors in float32.

A script for the engine's own environment, started by `convert.py`: it imports nothing
of this repository. Arguments: the GGUF file and a folder to make. Each line that it
prints as `progress 0.5 words` is shown; what else it prints goes to a log.
"""

import os
import sys
from pathlib import Path


def main(gguf: Path, output: Path) -> None:
    tell(0.02, "Loading the libraries.")
    import torch  # noqa: PLC0415 - takes seconds; say so first
    from transformers import (  # noqa: PLC0415
        AutoModelForCausalLM,
        AutoTokenizer,
        GgufConfig,
    )

    tell(0.2, "Reading the weights.")
    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(
        **source,
        dtype=torch.float32,
        # Kept quantised, the model could not be saved in another form.
        quantization_config=GgufConfig(dequantize=True),
    )
    # So small a model rambles at the usual temperature of 1; with a repetition penalty
    # it avoids the words of the question and misses the answer. A caller who names a
    # value is obeyed.
    model.generation_config.update(do_sample=True, temperature=0.2, top_p=0.9)
    tell(0.7, "Writing the weights.")
    model.save_pretrained(output)
    tell(0.9, "Writing the tokenizer.")
    AutoTokenizer.from_pretrained(**source).save_pretrained(output)
    for path in output.iterdir():
        make_durable(path)


def make_durable(path: Path) -> None:
    """Written for good before the folder gets its name: a power cut leaves no husk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def tell(fraction: float, words: str) -> None:
    sys.stdout.write(f"progress {fraction} {words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
