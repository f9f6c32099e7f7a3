"""What stands in the way of somebody who cannot see, or point: axe-core's findings."""

from pathlib import Path

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()
# Every rule that axe has on by itself: WCAG A and AA, and its best practices.
# A colour on its way to another, when the scheme has just changed, is nobody's colour.
_RUN = """async (rules) => {
  const moving = document.getAnimations().filter(
    (one) => one.effect?.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(moving.map((one) => one.finished));
  const { violations } = await axe.run({
    resultTypes: ["violations"], ...(rules.length ? { runOnly: rules } : {}) });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) =>
    `${id}: ${node.target} ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""


# What another colour scheme may change: the rest is the same markup.
COLOURS = ("color-contrast", "link-in-text-block")


def barriers(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """One text per element at fault: rule, selector, markup and what would mend it."""
    if not page.evaluate("'axe' in window"):  # half a megabyte, sent once per page
        page.evaluate(f"() => {{ {_AXE} }}")
    found: list[str] = page.evaluate(_RUN, list(rules))
    return found
