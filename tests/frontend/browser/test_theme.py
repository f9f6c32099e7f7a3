"""Light and dark: as the system says, unless somebody chose."""

import pytest

pytestmark = pytest.mark.browser
THEME = "document.documentElement.dataset.bsTheme"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system(visit, scheme):
    with visit(scheme=scheme) as seen:
        seen.open("/accounts/login/")
        assert seen.page.evaluate(THEME) == scheme


def test_it_remembers_a_choice_and_does_not_flash(visit):
    with visit(scheme="light") as seen:
        seen.open("/accounts/login/")
        seen.page.get_by_role("button", name="Dark").click()
        assert seen.page.evaluate(THEME) == "dark"
        # Noted at the first frame: a scheme set later than that would have flashed.
        seen.page.add_init_script(
            f"requestAnimationFrame(() => {{ window.firstFrame = {THEME}; }});"
        )
        seen.open("/accounts/signup/")
        assert seen.page.evaluate(THEME) == "dark"
        assert seen.page.evaluate("window.firstFrame") == "dark"


def test_the_menu_works_with_the_keyboard_on_a_phone(visit, people):
    with visit(people.users["owner"], width=390) as seen:
        seen.open("/")
        seen.page.locator("summary[aria-label=Menu]").press("Enter")
        sheet = seen.page.locator(".menu-sheet")
        assert not sheet.get_by_role("link", name="Explorer").is_visible()
        sheet.locator("summary", has_text="Usage").press("Enter")
        seen.screenshot("390-light", "menu-open")
        sheet.get_by_role("link", name="Explorer").press("Enter")
        seen.page.wait_for_url("**/usage/")


def test_the_menu_folds_and_opens_without_scripts(visit, people):
    with visit(people.users["owner"], java_script_enabled=False) as seen:
        seen.open("/usage/calls/")
        menu = seen.page.locator(".wide-menu")
        assert menu.locator("[aria-current=page]").inner_text() == "Calls"
        assert not menu.get_by_role("link", name="Invoices").is_visible()
        menu.locator("summary", has_text="Money").click()
        menu.get_by_role("link", name="Invoices").click()
        seen.page.wait_for_url("**/invoices/")
        assert menu.get_by_role("link", name="Credit").is_visible()
        assert not menu.get_by_role("link", name="Explorer").is_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_it_can_be_read_from_right_to_left(visit, people, invoice, width):
    with visit(people.users["owner"], width=width) as seen:
        for path in ("/", "/usage/", "/limits/", f"/invoices/{invoice.pk}/"):
            seen.open(path)
            seen.page.evaluate("document.documentElement.dir = 'rtl'")
            assert seen.overflow() == []
            brand = seen.page.locator(".brand").bounding_box()
            assert brand["x"] + brand["width"] > width * 0.9
