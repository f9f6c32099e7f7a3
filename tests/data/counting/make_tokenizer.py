"""Makes the small tokenizer beside it, and a model of random weights that can carry it.

    .venv-engine/bin/python tests/data/counting/make_tokenizer.py [folder for the model]

The tokenizer is byte-level BPE, trained on this repository's own documents: 256 bytes,
some 760 merges, four special tokens. Its tokens and its chat template are of no use but
to have one of each thing that counting must get right. The model is for
`record_counts.py`, so that the real engine says what is true of this tokenizer.
"""

import json
import shutil
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.normalizers import NFC
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
SPECIAL = ("<|start|>", "<|end|>", "<|role|>", "<|call|>")
SPLIT = r"[^\S\n]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s*\n|\s+(?!\S)|\s+"
VOCABULARY_SIZE = 1024
CONTEXT_TOKENS = 4096


def make_tokenizer() -> None:
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    documents = sorted(map(str, (REPOSITORY / "docs").rglob("*.md")))
    trainer = BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train(documents, trainer)
    tokenizer.add_special_tokens(
        [AddedToken(name, normalized=False, special=True) for name in SPECIAL]
    )
    start = tokenizer.token_to_id(SPECIAL[0])
    tokenizer.post_processor = TemplateProcessing(
        single=f"{SPECIAL[0]} $A", special_tokens=[(SPECIAL[0], start)]
    )
    tokenizer.save(str(HERE / "tokenizer.json"), pretty=False)
    (HERE / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": SPECIAL[0],
                "eos_token": {"content": SPECIAL[1], "__type": "AddedToken"},
                "model_max_length": CONTEXT_TOKENS,
            },
            indent=2,
        )
        + "\n"
    )


def make_model(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 - seconds

    config = LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=128,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=VOCABULARY_SIZE - len(SPECIAL),
        eos_token_id=VOCABULARY_SIZE - len(SPECIAL) + 1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(HERE / name, folder)


if __name__ == "__main__":
    make_tokenizer()
    if len(sys.argv) > 1:
        make_model(Path(sys.argv[1]))
