import ast
import shutil

import pytest

from config import compiled
from config.environment import REPOSITORY


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder that was made of the present sources, but for the compiling."""
    monkeypatch.setattr(compiled, "FOLDER", tmp_path)
    (tmp_path / "sources.sha256").write_text(compiled._digest(REPOSITORY))
    return tmp_path


def test_it_works(made):
    assert compiled.folder_to_run() == made


def test_without_a_folder_the_sources_run(made):
    (made / "sources.sha256").unlink()
    assert compiled.folder_to_run() == REPOSITORY


def test_after_an_edit_the_sources_run(made, tmp_path, monkeypatch):
    for name in compiled._sources(REPOSITORY):
        (tmp_path / "edited" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, tmp_path / "edited" / name)
    monkeypatch.setattr(compiled, "REPOSITORY", tmp_path / "edited")
    assert compiled.folder_to_run() == made
    with (tmp_path / "edited" / "metering/proxy/lua/hold.lua").open("a") as script:
        script.write("-- edited\n")
    assert compiled.folder_to_run() == tmp_path / "edited"


def test_without_a_compiler_the_sources_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "compiled")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiled.main([]) == 0
    assert "no C compiler" in capsys.readouterr().out
    assert compiled.main([str(tmp_path / "image")]) == 1


def test_it_names_modules_that_exist():
    names = {path.name for path in (REPOSITORY / "metering/proxy").rglob("*.py")}
    assert names >= compiled._INTERPRETED
    assert all((REPOSITORY / name).exists() for name in compiled._BESIDES)


def _handlers(function):
    return [
        (handler.name, ast.unparse(handler.type))
        for handler in ast.walk(function)
        if isinstance(handler, ast.ExceptHandler) and handler.name and handler.type
    ]


def test_no_two_errors_of_a_function_have_one_name():
    """Compiled, a name has the type that it was given first."""
    paths = sorted((REPOSITORY / "metering/proxy").rglob("*.py"))
    functions = [
        (path.name, node)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 500
    twice = [
        (name, function.name)
        for name, function in functions
        if len(set(_handlers(function))) > len({one for one, _ in _handlers(function)})
    ]
    assert twice == []
