from hypothesis import example, given
from hypothesis import strategies as st

from inference.simulator import tokens

# Words as the tokenizer likes them, and everything else.
texts = st.text() | st.text("abc xyz.,!\n")


def test_it_works():
    found = tokens.encode("the sea, dé")
    pieces = [tokens.piece(token) for token in found]
    assert pieces == [b"the", b" sea", b",", b" d", b"\xc3", b"\xa9"]
    assert tokens.KNOWN_TOKENS < tokens.VOCABULARY_SIZE


@given(texts)
@example("<|im_end|>")
def test_every_text_comes_back(text):
    found = tokens.encode(text)
    assert tokens.decode(found) == text
    assert all(token > tokens.END_OF_MESSAGE for token in found)


@given(texts, st.sampled_from([" and so on", " it"]))
def test_a_text_keeps_its_tokens_when_words_follow(text, more):
    """Else the next turn of a conversation would not find the blocks of the last."""
    assert tokens.encode(text + more) == tokens.encode(text) + tokens.encode(more)


@given(st.lists(st.integers(0, tokens.VOCABULARY_SIZE - 1)))
def test_every_list_of_ids_is_some_text(ids):
    assert isinstance(tokens.decode(ids), str)
