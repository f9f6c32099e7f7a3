import subprocess
import sys

# The second collection has nothing to look at but what this program made itself.
PROGRAM = """
import gc
from config.wsgi import application
from django.template.loader import get_template
frozen = gc.get_freeze_count()
page = get_template("frontend/page.html")
print(callable(application), frozen > 100_000, len(gc.get_objects()) < frozen / 10)
print(page.template.nodelist is get_template("frontend/page.html").template.nodelist)
"""


def test_what_pages_are_made_of_is_read_once_and_stays():
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == ["True"] * 4
