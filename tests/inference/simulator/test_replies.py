from hypothesis import given
from hypothesis import strategies as st

from inference.simulator import tokens
from inference.simulator.replies import Wish, write_reply

wishes = st.builds(
    Wish,
    max_tokens=st.integers(1, 300),
    seed=st.integers(0, 9),
    ignore_eos=st.booleans(),
    stop=st.lists(st.sampled_from(["e", "ken", " the ", "”.", "zzz"])).map(tuple),
    keeps_stop=st.booleans(),
)


def test_it_works():
    reply = write_reply("What is the capital of France?", Wish(max_tokens=500))
    assert reply.text.startswith("You wrote “What is the capital of France?”.")
    assert reply.finish_reason == "stop"
    assert reply.token_ids[-1] == tokens.END_OF_MESSAGE
    assert tokens.decode(reply.token_ids) == reply.text


def test_the_same_question_gets_the_same_answer():
    wish = Wish(max_tokens=100)
    assert write_reply("Hello", wish) == write_reply("Hello", wish)


def test_seeds_differ():
    texts = {
        write_reply("Hello", Wish(max_tokens=500, seed=seed)).text for seed in range(5)
    }
    assert len(texts) > 1


def test_the_ceiling_is_exact():
    for ceiling in (1, 2, 50, 3000):
        reply = write_reply("Hello", Wish(max_tokens=ceiling, ignore_eos=True))
        assert len(reply.token_ids) == ceiling
        assert reply.finish_reason == "length"


def test_the_floor_is_kept():
    reply = write_reply("Hello", Wish(max_tokens=2000, min_tokens=900))
    assert len(reply.token_ids) > 900
    assert reply.finish_reason == "stop"


def test_a_stop_string_ends_it():
    reply = write_reply("Hello", Wish(max_tokens=200, stop=("simulated",)))
    assert reply.text == "You wrote “Hello”. This is the "
    assert (reply.finish_reason, reply.stop_reason) == ("stop", "simulated")
    # The tokens of the stop string were made, so they are counted.
    assert tokens.decode(reply.token_ids).startswith(reply.text + "simulated")


def test_a_stop_string_may_stay():
    reply = write_reply(
        "Hello", Wish(max_tokens=200, stop=("simulated",), keeps_stop=True)
    )
    assert reply.text.endswith("simulated")


def test_a_stop_token_ends_it():
    stop = tokens.encode(" simulated")[1]
    reply = write_reply("Hello", Wish(max_tokens=200, stop_token_ids=(stop,)))
    assert reply.token_ids[-1] == stop
    assert (reply.finish_reason, reply.stop_reason) == ("stop", stop)


@given(st.text(), wishes)
def test_what_is_shown_piece_by_piece_is_the_text(question, wish):
    reply = write_reply(question, wish)
    assert reply.shown[0] == 0
    assert reply.shown == sorted(reply.shown)
    assert len(reply.shown) == len(reply.token_ids) + 1
    assert reply.shown[-1] == len(reply.text)
    assert 1 <= len(reply.token_ids) <= wish.max_tokens


@given(st.text(), wishes)
def test_no_stop_string_is_ever_shown(question, wish):
    reply = write_reply(question, wish)
    for stop in wish.stop:
        if not wish.keeps_stop:
            assert stop not in reply.text
