"""What stands in the way of somebody who cannot see, or point: axe-core's findings."""

from pathlib import Path

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()
# Every rule that axe has on by itself: WCAG A and AA, and its best practices.
# A colour on its way to another, when the scheme has just changed, is nobody's colour.
_RUN = """async () => {
  const moving = document.getAnimations().filter(
    (one) => one.effect?.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(moving.map((one) => one.finished));
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) =>
    `${id}: ${node.target} ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""


def barriers(page: Page) -> list[str]:
    """One text per element at fault: rule, selector, markup and what would mend it."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {_AXE} }} }}")
    found: list[str] = page.evaluate(_RUN)
    return found
