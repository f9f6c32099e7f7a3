"""A model's own `tokenizer.json` as a tiktoken encoding: exact counts, no network.

Tiktoken merges by the rank of the result, a `tokenizer.json` by a list of pairs. Both
give the same tokens under the conditions that `load` checks; it refuses every other
model. Text that spells a special token becomes that token, since the engine does so.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tiktoken

from inference.chat_template import ChatTemplate, Message, load_chat_template, read_json
from inference.errors import NotConvertibleError, NotCountableError
from inference.tokenizer_file import Frame, TokenizerFile, read_tokenizer

TEXT_BYTES_MAX = 512 * 1024
"""Of one text: some 128,000 tokens, 0.15 s. Tiktoken cannot be interrupted."""


class Counter:
    """The tokens of texts and chats of one model. Safe to use from several threads."""

    def __init__(
        self,
        encoding: tiktoken.Encoding,
        *,
        frame: Frame,
        is_composed: bool,
        missing_bytes: bytes,
        chat_template: ChatTemplate | None,
    ) -> None:
        self._encoding = encoding
        self._special = encoding.special_tokens_set
        self._special_pattern = _pattern_of(self._special)
        self._frame = frame
        self._is_composed = is_composed
        self._missing_bytes = missing_bytes
        self.chat_template = chat_template

    @property
    def vocabulary_size(self) -> int:
        return self._encoding.n_vocab

    @property
    def special_tokens(self) -> frozenset[str]:
        return frozenset(self._special)

    def count_text(self, text: str, *, add_special_tokens: bool = True) -> int:
        """As `/v1/completions` counts it. Raises NotCountableError."""
        return len(self.encode_text(text, add_special_tokens=add_special_tokens))

    def count_chat(self, messages: Sequence[Message], **options: Any) -> int:
        """As `/v1/chat/completions` counts it. Raises NotCountableError."""
        return len(self.encode_chat(messages, **options))

    def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        add_special_tokens: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """`variables` are those of the template, such as `reasoning_effort`."""
        if self.chat_template is None:
            raise NotCountableError("The model has no chat template of its own.")
        rendered = self.chat_template.render(
            messages,
            tools=tools,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            variables=variables,
        )
        return self.encode_text(rendered, add_special_tokens=add_special_tokens)

    def encode_text(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise NotCountableError("The text is not Unicode.") from None
        if len(data) > TEXT_BYTES_MAX:
            raise NotCountableError("The text is too long.")
        missing = self._missing_bytes
        if missing and len(data.translate(None, missing)) < len(data):
            raise NotCountableError("The text has bytes that the model does not know.")
        try:
            tokens = self._encode(text)
        except ValueError as error:  # the split's regex gave up
            raise NotCountableError(str(error)) from None
        if add_special_tokens:
            return [*self._frame.before, *tokens, *self._frame.after]
        return tokens

    def _encode(self, text: str) -> list[int]:
        encode, special = self._encoding.encode, self._special
        if not self._is_composed or unicodedata.is_normalized("NFC", text):
            return encode(text, allowed_special=special, disallowed_special=())
        # Special tokens are found first, then what is between them is composed: a
        # stroke that follows "<|end|>" must not become one with its last character.
        tokens: list[int] = []
        for piece in self._special_pattern.split(text):
            if piece not in special:
                piece = unicodedata.normalize("NFC", piece)  # noqa: PLW2901
            tokens += encode(piece, allowed_special=special, disallowed_special=())
        return tokens


def load(folder: Path) -> Counter:
    """The counter of the model in `folder`; 0.1 to 1 s of work.

    Raises NotConvertibleError, with the reason, where tiktoken would count otherwise.
    """
    template = load_chat_template(folder)
    file = read_tokenizer(folder)
    encoding = _encoding(folder.name, file)
    missing = bytes(byte for byte in range(256) if bytes([byte]) not in file.ranks)
    _check_round_trip(encoding, missing)
    return Counter(
        encoding,
        frame=file.frame,
        is_composed=file.is_composed,
        missing_bytes=missing,
        chat_template=template,
    )


def vocabulary_size(folder: Path) -> int | None:
    """What the model's own configuration says, at the cost of a glance; None: nothing.

    Raises NotConvertibleError.
    """
    if not (folder / "config.json").exists():
        return None
    config = read_json(folder / "config.json")
    nested = config.get("text_config") if isinstance(config, dict) else None
    for part in (config, nested):
        if isinstance(part, dict) and isinstance(part.get("vocab_size"), int):
            return int(part["vocab_size"])
    return None


def _encoding(name: str, file: TokenizerFile) -> tiktoken.Encoding:
    try:
        encoding = tiktoken.Encoding(
            name,
            pat_str=file.split,
            mergeable_ranks=file.ranks,
            special_tokens=file.special,
        )
    except ValueError as error:
        raise NotConvertibleError(f"The split is not understood: {error}") from None
    # A second copy of the vocabulary, 6 MiB of 50,000 tokens; encoding never reads it.
    encoding._mergeable_ranks = {}  # noqa: SLF001
    return encoding


def _check_round_trip(encoding: tiktoken.Encoding, missing: bytes) -> None:
    """The split must leave nothing out: tiktoken drops what no match covers."""
    text = "".join(
        f"{chr(code)} {chr(code)}{chr(code)}\n"
        for code in (*range(0x3000), *range(0xAC00, 0xAD00), *range(0x1F600, 0x1F640))
        if not set(chr(code).encode()) & set(missing)
    )
    tokens = encoding.encode_ordinary(text)
    if encoding.decode_bytes(tokens) != text.encode():
        raise NotConvertibleError("The split leaves text out.")


def _pattern_of(special: Iterable[str]) -> re.Pattern[str]:
    """Splits a text into special tokens and what is between them."""
    return re.compile(f"({'|'.join(map(re.escape, special)) or '(?!)'})")
