import pytest

from inference.domain.lease_caps import LeaseCaps, caps_of


@pytest.mark.parametrize(
    ("pool", "running", "expected"),
    [
        (1000, 128, (500, 200, 250)),
        # What the longest request needs is never sold.
        (23, 16, (7, 4, 3)),
        (16, 16, (0, 0, 0)),
        (10, 16, (0, 0, 0)),
    ],
)
def test_it_works(pool, running, expected):
    all_leases, guaranteed, per_tenant = expected
    assert caps_of(pool, running_blocks=running, tenant_percent=50) == LeaseCaps(
        all_leases=all_leases, guaranteed=guaranteed, per_tenant=per_tenant
    )
