"""On a phone: what can be done stands beside what it is done to."""

from playwright.sync_api import Browser, expect

from tests.browser.demos import Demo
from tests.browser.looking import until
from tests.browser.person import open_page


def test_an_endpoint_and_its_action_are_seen_together_without_scrolling_sideways(browser: Browser, demo: Demo) -> None:
    def is_seen() -> bool:
        return any(one["standing"] == "unrouted" for one in demo.ask("GET", "discovery")["endpoints"])

    until(is_seen, what="an endpoint without a route is seen")
    with open_page(browser, demo.admin, width=390) as person:
        person.sign_in(demo.token)
        person.go("#/left")
        row = person.page.get_by_role("row").filter(has_text="no route").first
        add = row.get_by_role("button", name="Add a route…")
        expect(add).to_be_enabled()
        add.scroll_into_view_if_needed()

        button, name = add.bounding_box(), row.get_by_role("rowheader").bounding_box()

        assert button is not None and name is not None
        assert name["x"] >= 0 and button["x"] + button["width"] <= 390
        assert abs(button["y"] + button["height"] / 2 - name["y"] - name["height"] / 2) < 30
        frame = person.page.get_by_role("region", name="Endpoints, those with the most traffic first")
        assert frame.evaluate("(node) => node.scrollWidth <= node.clientWidth")
