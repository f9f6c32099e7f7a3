"""Turns that read the lease of a cached prompt."""

import pytest

from inference.domain.lease_receipt import Fact, Reason
from inference.domain.lease_terms import Rejection, TermsRejectedError, Tier
from tests.inference.lease_samples import (
    NOW,
    SIZE,
    Memory,
    continuing,
    facts,
    names,
    run,
    table,
    terms,
)

PROMPT = [1, 2, 3]


def a_prompt(leases, **given):
    run(leases, terms("prompt", **({"ttl_ms": 60_000} | given)), PROMPT)
    return continuing("prompt", PROMPT)


def test_it_works():
    leases = table()
    base = a_prompt(leases)
    change = run(leases, terms("kvl_1", ttl_ms=0, base=base), [*PROMPT, 4])
    assert facts(change) == [("refused", "kvl_1")]
    assert change.receipts[0].reason == Reason.NOT_ASKED
    assert change.receipts[0].base_tokens == 3 * SIZE
    assert change.receipts[0].reusable_tokens is None
    assert len(leases) == 1


def test_a_conversation_pays_for_what_lies_beyond_it():
    leases = table()
    base = a_prompt(leases)
    change = run(leases, terms("kvl_1", base=base), [*PROMPT, 4])
    (granted,) = change.receipts
    assert (granted.tokens, granted.blocks, granted.bytes) == (4 * SIZE, 4, 1000)
    previous = continuing("kvl_1", [*PROMPT, 4])
    asked = terms("kvl_2", base=base, previous=previous)
    reused, granted = run(leases, asked, [*PROMPT, 4, 5]).receipts
    assert (reused.fact, reused.lease_id, reused.bytes) == ("reused", "kvl_1", 1000)
    assert (granted.base_tokens, granted.reusable_tokens) == (96, 128)
    assert granted.bytes == 2000
    assert leases.find("prompt", tenant_id="a")


def test_it_pays_for_all_of_what_the_base_does_not_hold_in_hbm():
    leases = table(memory=Memory())
    base = a_prompt(leases, ttl_ms=0, host_ttl_ms=60_000)
    leases.sweep(now_ms=NOW + 30_000)
    assert leases.find("prompt", tenant_id="a").tier is Tier.HOST
    asked = terms("kvl_1", host_ttl_ms=60_000, base=base)
    change = run(leases, asked, [*PROMPT, 4], at=NOW + 30_000)
    assert change.receipts[0].bytes == 4000
    (demoted,) = leases.sweep(now_ms=NOW + 45_000).receipts
    assert (demoted.fact, demoted.tier, demoted.bytes) == ("demoted", "host", 1000)


def test_a_turn_that_reads_it_keeps_it():
    leases = table()
    base = a_prompt(leases)
    turn = leases.arrive(terms("kvl_1", base=base), now_ms=NOW)
    assert facts(leases.sweep(now_ms=NOW + 60_000)) == []
    leases.commit(turn, blocks=[1, 2, 3, 4], hashes=names([1, 2, 3, 4]), now_ms=NOW)
    assert ("expired", "prompt") in facts(leases.sweep(now_ms=NOW + 60_000))


def test_it_is_proven_after_it_was_lost_and_by_an_engine_that_never_had_it():
    lost, other = table(), table()
    base = a_prompt(lost)
    lost.lose_all(reason=Reason.CACHE_RESET, now_ms=NOW)
    for leases in (lost, other):
        change = run(leases, terms("kvl_1", base=base), [*PROMPT, 4])
        (granted,) = change.receipts
        assert (granted.fact, granted.base_tokens) == (Fact.GRANTED, 3 * SIZE)
        assert granted.bytes == 4000


def test_a_prompt_that_begins_otherwise_does_not_read_it():
    leases = table()
    base = a_prompt(leases)
    change = run(leases, terms("kvl_1", base=base), [*PROMPT, 4], of="y")
    assert change.receipts[0].base_tokens == 0
    assert change.receipts[0].bytes == 4000
    change = run(table(), terms("kvl_1", base=base), [*PROMPT, 4], of="y")
    assert change.receipts[0].base_tokens is None


def test_it_refuses_the_prompt_of_another_tenant():
    leases = table()
    base = a_prompt(leases)
    with pytest.raises(TermsRejectedError) as error:
        leases.arrive(terms("kvl_1", tenant_id="b", base=base), now_ms=NOW)
    assert error.value.reason is Rejection.FOREIGN_LEASE
    assert leases.find("prompt", tenant_id="a").turns == 0


def shares(change):
    """[(lease, blocks that it pays for from now on, why)] of renewals."""
    return [
        (one.lease_id, one.bytes // 1000, one.reason)
        for one in change.receipts
        if one.fact is Fact.RENEWED
    ]


def a_conversation(leases, base, **given):
    asked = terms("talk", **({"ttl_ms": 600_000, "base": base} | given))
    change = run(leases, asked, [*PROMPT, 4])
    assert change.receipts[-1].bytes == 1000
    return asked


@pytest.mark.parametrize("end", ["release", "expire"])
def test_whoever_outlives_its_base_pays_for_all_that_it_holds(end):
    leases = table()
    a_conversation(leases, a_prompt(leases))
    if end == "release":
        prompt = leases.find("prompt", tenant_id="a")
        change = leases.release(prompt, now_ms=NOW + 1)
    else:
        change = leases.sweep(now_ms=NOW + 60_000)
    assert shares(change) == [("talk", 4, Reason.BASE_ENDED)]
    # What was asked for is told last.
    assert change.receipts[-1].lease_id == "prompt"
    assert leases.holdings.held_blocks == 4
    talk = leases.find("talk", tenant_id="a")
    assert leases.release(talk, now_ms=NOW + 70_000).receipts[-1].bytes == 4000


def test_the_next_lease_of_the_chain_takes_the_place_of_the_base():
    leases = table()
    base = a_prompt(leases)
    a_conversation(leases, base)
    renewed = terms("prompt-2", ttl_ms=60_000, previous=base)
    change = run(leases, renewed, PROMPT, at=NOW + 1)
    assert shares(change) == []
    heir = leases.find("prompt-2", tenant_id="a")
    assert shares(leases.release(heir, now_ms=NOW + 2)) == [
        ("talk", 4, Reason.BASE_ENDED)
    ]


def test_an_heir_that_holds_less_leaves_the_rest_to_pay():
    leases = table()
    base = a_prompt(leases)
    a_conversation(leases, base)
    asked = terms("other", ttl_ms=60_000, previous=base)
    change = run(leases, asked, [PROMPT[0], 9], at=NOW + 1)
    assert shares(change) == [("talk", 3, Reason.BASE_ENDED)]


def test_who_ended_first_is_told_nothing():
    leases = table()
    a_conversation(leases, a_prompt(leases))
    leases.release(leases.find("talk", tenant_id="a"), now_ms=NOW + 1)
    prompt = leases.find("prompt", tenant_id="a")
    assert shares(leases.release(prompt, now_ms=NOW + 2)) == []


def test_a_lease_is_no_base_of_itself():
    """A turn that names one lease as both."""
    leases = table()
    base = a_prompt(leases)
    asked = terms("talk", ttl_ms=600_000, base=base, previous=base)
    change = run(leases, asked, [*PROMPT, 4])
    assert shares(change) == []
    assert change.receipts[-1].bytes == 4000


def test_a_base_that_leaves_hbm_is_paid_for_there_by_who_stays():
    leases = table(memory=Memory())
    base = a_prompt(leases, ttl_ms=10_000, host_ttl_ms=60_000)
    a_conversation(leases, base)
    change = leases.sweep(now_ms=NOW + 10_000)
    assert shares(change) == [("talk", 4, Reason.BASE_ENDED)]
    assert change.receipts[-1].fact is Fact.DEMOTED
