"""`python -m inference.engine`: everything between a bare machine and a vLLM that
answers. With the argument `prepare` it installs and converts, and starts nothing.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Mapping
from types import FrameType

from inference.engine import durations
from inference.engine.convert import convert, is_converted
from inference.engine.failure import EngineError
from inference.engine.install import Build, choose_build, install, is_installed
from inference.engine.progress import Progress, Publish, Step, to_file
from inference.engine.serve import serve, sole_owner
from inference.engine.settings import Settings, read_settings

Work = Callable[[Callable[[float, str], None]], None]


class StopRequested(BaseException):
    """Somebody asked us to end; not an error, so nothing but main() catches it."""


def main(arguments: list[str]) -> int:
    """0 after an orderly stop or a finished `prepare`, 1 when it cannot work."""
    if arguments not in ([], ["prepare"]):
        return _complain("usage: python -m inference.engine [prepare]")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return _prepare() if arguments else _prepare_and_serve()
    except EngineError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"The engine cannot be started: {error}.")
    except StopRequested:  # before there was anything to stop
        return 0


def _prepare() -> int:
    return _guarded(read_settings(), only_prepare=True, publish=_Terminal())


def _prepare_and_serve() -> int:
    settings = read_settings()
    with sole_owner(settings):
        publish = to_file(settings.progress_file)
        return _guarded(settings, only_prepare=False, publish=publish)


def _guarded(settings: Settings, *, only_prepare: bool, publish: Publish) -> int:
    """Whatever happens, the last thing published is the truth."""
    build = choose_build()
    todo = _todo(settings, build)
    progress = Progress(
        publish=publish,
        model=settings.served_model_name,
        steps=_steps(settings, todo, only_prepare=only_prepare),
    )
    try:
        for name, work in todo.items():
            _do(settings, progress, name, work)
        if not only_prepare:
            serve(settings, build, progress)
    except StopRequested:
        progress.absent()
        return 1 if only_prepare else 0
    except EngineError as error:
        return _fail(progress, str(error))
    except OSError as error:
        return _fail(progress, f"The engine cannot go on: {error}.")
    return 0


def _fail(progress: Progress, sentence: str) -> int:
    with contextlib.suppress(OSError):  # such as the full disk that is the reason
        progress.fail(sentence)
    return _complain(sentence)


def _todo(settings: Settings, build: Build) -> dict[str, Work]:
    """Only what is not done yet: a finished step is not shown again."""
    todo: dict[str, Work] = {}
    if not is_installed(settings, build):
        todo["install"] = lambda report: install(settings, build, report)
    if not settings.model and not is_converted(settings):
        todo["convert"] = lambda report: convert(settings, report)
    return todo


def _do(settings: Settings, progress: Progress, name: str, work: Work) -> None:
    progress.begin(name)
    work(progress.report)
    durations.remember(settings.models, name, progress.elapsed_seconds())


def _steps(
    settings: Settings, todo: dict[str, Work], *, only_prepare: bool
) -> list[Step]:
    known = {
        "install": ("installing", "Installing vLLM"),
        "convert": ("converting", "Converting the model"),
        "load": ("loading", "Loading the model"),
    }
    names = [*todo] if only_prepare and todo else [*todo, "load"]
    return [
        Step(
            name=name,
            state=known[name][0],
            title=known[name][1],
            seconds=durations.expected_seconds(settings.models, name),
        )
        for name in names
    ]


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Once: the clean-up that this starts must not be interrupted by a second one."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise StopRequested


class _Terminal:
    """One line per message, for whoever waits for `prepare`."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, body: Mapping[str, object]) -> None:
        line = f"{body['title']}: {body['message']}"
        if line != self._said:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        self._said = line


def _complain(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
