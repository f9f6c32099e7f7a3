"""How far a starting vLLM is, by what it logs."""

# Share of the start that has passed when the words appear, measured on two cores.
MILESTONES = (
    ("non-default args", 0.12, "vLLM reads its configuration."),
    ("Initializing a V1 LLM engine", 0.45, "vLLM starts its engine core process."),
    ("Starting to load model", 0.65, "vLLM loads the weights."),
    ("Loading weights took", 0.72, "The weights are loaded."),
    ("KV cache size", 0.78, "vLLM lays out the KV cache."),
    ("init engine", 0.88, "The engine has warmed up."),
    ("Starting vLLM server", 0.96, "vLLM opens its socket."),
)


class LoadProgress:
    """Milestones are facts; between two of them time is the only guide."""

    def __init__(self, expected_seconds: float) -> None:
        self._expected_seconds = expected_seconds
        self._reached = 0.0
        self._next = MILESTONES[0][1]
        self.message = "vLLM is starting."

    def see(self, line: str) -> None:
        for index, (words, share, message) in enumerate(MILESTONES):
            if words in line and share > self._reached:
                later = MILESTONES[index + 1 :]
                self._reached, self.message = share, message
                self._next = later[0][1] if later else 1.0

    def fraction(self, elapsed_seconds: float) -> float:
        by_time = elapsed_seconds / self._expected_seconds
        return min(max(self._reached, by_time), self._next)
