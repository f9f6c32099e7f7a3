"""The judge of the counts themselves is `tests/metering/proxy/test_prompts.py`."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inference.encoding import TEXT_BYTES_MAX, load, vocabulary_size
from inference.errors import NotConvertibleError, NotCountableError
from tests.inference.prompts import random_text

FOLDER = Path(__file__).parents[1] / "data" / "counting"


@pytest.fixture(scope="module")
def counter():
    return load(FOLDER)


def test_it_works(counter):
    assert counter.vocabulary_size == 1024
    text = "The quick brown fox jumps over the lazy dog, 12 times in 3.5 seconds."
    assert counter.count_text(text) == 39
    assert counter.count_text(text, add_special_tokens=False) == 38


def test_a_special_token_in_a_text_is_one_token(counter):
    plain = counter.encode_text("<|end|", add_special_tokens=False)
    assert len(plain) > 3
    assert counter.encode_text("<|end|>", add_special_tokens=False) == [1021]


def test_texts_are_composed_between_special_tokens(counter):
    encode = counter.encode_text
    assert encode("e\u0301tude") == encode("\u00e9tude")
    assert 1021 in encode("<|end|>\u0338")


def test_it_refuses_a_text_that_is_not_unicode(counter):
    with pytest.raises(NotCountableError):
        counter.count_text("a\ud800")


def test_it_refuses_a_text_that_is_too_long(counter):
    assert counter.count_text("a " * (TEXT_BYTES_MAX // 2)) > TEXT_BYTES_MAX // 3
    with pytest.raises(NotCountableError):
        counter.count_text("a " * (TEXT_BYTES_MAX // 2) + "a")


def test_it_refuses_bytes_that_the_model_does_not_know(changed):
    def leave_a_byte_out(file):
        del file["model"]["vocab"][chr(0x100 + 4)]  # as byte 4 is written

    counter = load(changed(leave_a_byte_out))
    assert counter.count_text("a\x03")
    with pytest.raises(NotCountableError):
        counter.count_text("a\x04")


def test_numerals_one_by_one(changed):
    def split_numerals(file):
        file["pre_tokenizer"]["pretokenizers"] = [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        ]

    counter = load(changed(split_numerals))
    tokens = counter.encode_text("a  12", add_special_tokens=False)
    written = [counter._encoding.decode([token]) for token in tokens]
    assert written[-2:] == ["1", "2"]
    assert "".join(written) == "a  12"


@pytest.fixture
def changed(tmp_path):
    """A copy of the model whose tokenizer.json was changed by a function."""

    def change(how):
        folder = tmp_path / "model"
        shutil.copytree(FOLDER, folder)
        path = folder / "tokenizer.json"
        file = json.loads(path.read_text())
        how(file)
        path.write_text(json.dumps(file))
        return folder

    return change


def _first_merges_swapped(file):
    merges = file["model"]["merges"]
    merges[0], merges[1] = merges[1], merges[0]


def _a_merge_less(file):
    file["model"]["merges"].pop()


def _of_unigrams(file):
    file["model"]["type"] = "Unigram"


def _with_byte_fallback(file):
    file["model"]["byte_fallback"] = True


def _lower_case(file):
    file["normalizer"] = {"type": "Lowercase"}


def _a_prefix_space(file):
    file["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = True


def _three_splits(file):
    steps = file["pre_tokenizer"]["pretokenizers"]
    file["pre_tokenizer"]["pretokenizers"] = [steps[0], *steps]


def _a_split_that_leaves_out(file):
    split = file["pre_tokenizer"]["pretokenizers"][0]
    split["pattern"]["Regex"] = r"\p{L}+"


def _a_split_that_is_none(file):
    split = file["pre_tokenizer"]["pretokenizers"][0]
    split["pattern"]["Regex"] = "("


def _a_greedy_special_token(file):
    file["added_tokens"][0]["rstrip"] = True


def _special_tokens_that_overlap(file):
    file["added_tokens"][0]["content"] = "<|end|>s"


def _one_id_twice(file):
    file["added_tokens"][0]["id"] = 5


def _an_unknown_processor(file):
    file["post_processor"] = {"type": "BertProcessing"}


def _a_letter_of_no_byte(file):
    file["model"]["vocab"]["漢"] = 5000


@pytest.mark.parametrize(
    "how",
    [
        _first_merges_swapped,
        _a_merge_less,
        _of_unigrams,
        _with_byte_fallback,
        _lower_case,
        _a_prefix_space,
        _three_splits,
        _a_split_that_leaves_out,
        _a_split_that_is_none,
        _a_greedy_special_token,
        _special_tokens_that_overlap,
        _one_id_twice,
        _an_unknown_processor,
        _a_letter_of_no_byte,
    ],
)
def test_it_refuses_what_tiktoken_would_count_otherwise(changed, how):
    with pytest.raises(NotConvertibleError):
        load(changed(how))


def test_it_refuses_a_folder_without_a_tokenizer(tmp_path):
    with pytest.raises(NotConvertibleError):
        load(tmp_path)


def test_the_size_is_known_at_a_glance(tmp_path):
    assert vocabulary_size(tmp_path) is None
    (tmp_path / "config.json").write_text('{"text_config": {"vocab_size": 7}}')
    assert vocabulary_size(tmp_path) == 7


def test_counting_from_threads_gives_the_same(counter):

    texts = [random_text(2000, seed=seed) for seed in range(8)] * 4
    alone = [counter.count_text(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(counter.count_text, texts)) == alone
