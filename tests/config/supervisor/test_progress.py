from config.supervisor.progress import bar, sentence

INSTALLING = {
    "state": "installing",
    "step": 2,
    "steps": 4,
    "title": "Installing vLLM",
    "overall": 0.25,
    "eta_seconds": 140,
}


def test_it_works():
    assert bar(INSTALLING) == (
        "[██████··················]  25% step 2 of 4: Installing vLLM, about 2 min left"
    )


def test_it_says_what_failed():
    failed = {"state": "failed", "error": "The disk is full."}
    assert sentence(failed) == "failed: The disk is full."


def test_it_bears_a_file_of_another_version():
    assert bar({}) == f"[{'·' * 24}]   0% step None of None: absent"
    assert bar({"overall": 7.5}).count("█") == 24
