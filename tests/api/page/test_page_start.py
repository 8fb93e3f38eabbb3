"""start.js: the frame first, and nothing that it does not need."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]


def test_the_frame_is_painted_before_the_rest_is_fetched(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    first = page.wait_for_function(painted).json_value()
    fetched = page.evaluate(
        """performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".js"))
             .map(({ name, startTime }) => [name.split("/").at(-1), startTime])"""
    )
    assert len(fetched) > 20
    longest_wait, grain = 500, 4  # ms; `grain`: paints are told no more exactly
    assert [
        name
        for name, start in fetched
        if name != "start.js" and start < min(first - grain, longest_wait)
    ] == []


def test_fields_have_no_layout_until_the_page_is_started(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.route("**/main.js", lambda route: route.abort())
    page.reload()
    expect(page.locator("#incomplete")).to_be_visible()
    laid_out = "fields => fields.filter((field) => field.getClientRects().length > 0).length"
    fields = page.locator("main :is(input, select, textarea)")
    assert fields.count() > 5
    assert fields.evaluate_all(laid_out) == 0
