from lxml import etree

from benchmarks.plot import write_growth

SVG = "{http://www.w3.org/2000/svg}"


def test_it_works(tmp_path):
    path = tmp_path / "growth.svg"
    write_growth(path, "A title", [(100, 0.2), (1000, 2.0), (10_000, 30.0)])

    picture = etree.fromstring(path.read_bytes())
    dots = picture.findall(f"{SVG}circle")
    places = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in dots]
    (x_0, y_0), (x_1, y_1), (x_2, y_2) = places
    assert x_1 - x_0 == x_2 - x_1 > 0, "a decade is as wide as another"
    assert y_0 - y_2 > 2 * (y_0 - y_1) > 0, "the last cost more than in proportion"
    words = [text.text for text in picture.iter(f"{SVG}text")]
    assert "A title" in words
    assert {"100 events", "10,000 events", "0.2 s", "30 s"} <= set(words)
