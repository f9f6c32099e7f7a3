import io

from config.supervisor.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_works(tmp_path):
    stream = io.StringIO()
    console = Console(stream, tmp_path)
    console.line("web", "hello")
    console.status("never shown: this is no terminal")
    console.close()
    assert stream.getvalue() == "web        | hello\n"
    assert (tmp_path / "web.log").read_text().endswith("Z hello\n")
    assert (tmp_path / "all.log").read_text().endswith("web        | hello\n")


def test_a_terminal_gets_a_colour_for_each_child_and_the_bar_at_the_bottom(tmp_path):
    stream = Terminal()
    console = Console(stream, tmp_path, columns=20)
    console.status("[####....] downloading a lot of things")
    console.line("web", "one")
    console.line("tasks", "two")
    console.close()
    shown = stream.getvalue()
    assert shown.count("\x1b[36mweb") == 1
    assert shown.count("\x1b[32mtasks") == 1
    assert "\r\x1b[K\x1b[36mweb       \x1b[0m | one\n[####....] download" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_secret_is_shown_and_not_logged(tmp_path):
    stream = io.StringIO()
    console = Console(stream, tmp_path)
    console.line("web", "something")
    console.plain("a secret")
    console.close()
    assert "a secret" in stream.getvalue()
    log = (tmp_path / "all.log").read_text()
    assert "something" in log
    assert "a secret" not in log


def test_a_closed_terminal_does_not_end_what_runs(tmp_path):
    stream = io.StringIO()
    console = Console(stream, tmp_path)
    stream.close()
    console.line("web", "still logged")
    console.close()
    assert "still logged" in (tmp_path / "web.log").read_text()
