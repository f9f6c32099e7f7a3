"""What users of other gateways complain of has a test here, named by the thread.

The thread stands in the docstring of the test, as `project#number`; one of a row is
enough. The list is a promise to readers of those threads.
"""

import ast

from tests.architecture.sources import python_files, text_of

PAINS: dict[str, tuple[str, ...]] = {
    "parallel calls pass a token limit": ("litellm#18730", "litellm#22002"),
    "limits trip early and lock out": ("litellm#24677", "litellm#18953"),
    "token limits that count output only": ("litellm#17664",),
    "use counted and checked under different names": ("litellm#26672",),
    "a budget checked against stale spend": ("litellm#27735",),
    "endpoints that escape a limit or a meter": ("litellm#38176", "wso2#2932"),
    "hanging up in mid-stream pays nothing": ("litellm#14457", "litellm#30630"),
    "an explicit zero replaced by a guess": ("litellm#37992",),
    "failed streams charged, retries billed twice": ("new-api#5289", "new-api#7486"),
    "a deadlock that drops spend": ("litellm#6895", "litellm#27989", "litellm#11334"),
    "cached input charged twice": ("litellm#9812", "litellm#14849"),
    "cached tokens of vLLM always zero": ("litellm#22986",),
    "a negative charge": ("new-api#5003", "new-api#5005"),
    "streams and whole answers that cost differently": ("new-api#6144", "new-api#7229"),
    "overdraft by concurrency": ("new-api#6609", "one-api#2440"),
    "a budget times the number of replicas": ("bifrost#3547", "bifrost#5770"),
    "one token charged a request, or each twice": ("envoy#2248", "higress#1080"),
    "billed four times: a new id per emission": ("vexa#330",),
    "no quota by day or month": ("litellm#10090", "litellm#31821"),
    "engine counters and usage disagree": ("vllm#55634", "vllm#31503", "vllm#56361"),
}


def _docstrings() -> str:
    names = [name for name in python_files() if name.startswith("tests/")]
    names.remove("tests/architecture/test_pains.py")
    found = [
        ast.get_docstring(node) or ""
        for name in names
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.FunctionDef | ast.Module | ast.ClassDef)
    ]
    return " ".join(" ".join(found).split())


def test_every_pain_has_a_test():
    text = _docstrings()
    untested = {
        pain
        for pain, threads in PAINS.items()
        if not any(thread in text for thread in threads)
    }
    assert untested == set()
