from inference.domain.block_hash import block_hashes
from inference.domain.hash_probe import SALT, why_unprovable

SIZE = 16


def as_we_do(tokens, salt):
    return list(block_hashes(tokens, salt=salt, block_tokens=SIZE))


def test_it_works():
    assert why_unprovable(as_we_do, block_tokens=SIZE) == ""


def test_it_refuses_names_that_leave_out_the_salt():
    def unsalted(tokens, salt):
        assert salt == SALT
        return as_we_do(tokens, "")

    assert "another way" in why_unprovable(unsalted, block_tokens=SIZE)


def test_it_refuses_names_of_blocks_of_another_size():
    assert "another way" in why_unprovable(as_we_do, block_tokens=2 * SIZE)
