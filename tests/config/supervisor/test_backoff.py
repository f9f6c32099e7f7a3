from config.supervisor.backoff import delay_seconds, failures_after


def test_it_works():
    delays = [delay_seconds(failures) for failures in range(1, 8)]
    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert delay_seconds(100_000) == 30


def test_a_minute_of_health_forgets_earlier_failures():
    assert failures_after(3, lived_seconds=59.9) == 4
    assert failures_after(3, lived_seconds=60.0) == 1
