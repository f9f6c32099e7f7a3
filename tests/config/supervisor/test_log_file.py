import contextlib

from config.supervisor.log_file import LogFile


def test_it_works(tmp_path):
    log = LogFile(tmp_path / "logs" / "web.log")
    log.write("hello")
    log.close()
    assert (tmp_path / "logs" / "web.log").read_text() == "hello\n"


def test_it_never_exceeds_twice_its_limit(tmp_path):
    log = LogFile(tmp_path / "web.log", bytes_max=1000)
    for number in range(500):
        log.write(f"line {number}")
    log.close()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"web.log", "web.log.1"}
    assert all(size <= 1000 for size in sizes.values())
    assert (tmp_path / "web.log").read_text().endswith("line 499\n")


def test_it_goes_on_after_a_restart(tmp_path):
    for text in ("before", "after"):
        log = LogFile(tmp_path / "web.log")
        log.write(text)
        log.close()
    assert (tmp_path / "web.log").read_text() == "before\nafter\n"


def test_a_full_disk_loses_lines_and_nothing_else(tmp_path):
    """/dev/full refuses each byte as a full disk does."""
    (tmp_path / "web.log").symlink_to("/dev/full")
    with contextlib.closing(LogFile(tmp_path / "web.log", bytes_max=100)) as log:
        log.write("lost")
        (tmp_path / "web.log").unlink()
        log.write("x" * 200)
        log.write("kept")
    assert (tmp_path / "web.log").read_text().endswith("kept\n")
