"""What does a person see, reach and print? The pages in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, gravest

pytestmark = pytest.mark.browser

Opened = Callable[..., Page]
EXAMPLE = "/try/her2-positive-fdg-response"
SHOWN = "missing-grade pet-fes-fdg-heterogeneity bilateral pet-uptake-time-refused er-loss-liver-metastasis one-bad-entry".split()
PAGES = ["/", "/try", EXAMPLE, *(f"/try/{name}" for name in SHOWN)]
A4_INCHES, POINTS = (8.27, 11.7), 72


def name_of(path: str) -> str:
    return path.strip("/").replace("/", "-").removeprefix("try-") or "start"


def test_a_new_user_finds_stage_receptors_and_response_from_the_front_page(opened: Opened) -> None:
    """From the address that `make demo` prints, without reading anything else."""
    page = opened("/")
    page.get_by_role("link", name="Try it", exact=True).click()
    page.get_by_role("link", name=re.compile("HER2 positive, with FDG PET")).click()
    glance = page.get_by_role("region", name="At a glance")

    expect(glance.locator(".stage").nth(0)).to_contain_text("Stage IIIA")
    expect(glance.locator(".stage").nth(1)).to_contain_text("Stage IIIA")
    expect(glance.locator(".stage").nth(2)).to_contain_text("No answer")
    for name, value in (
        ("Estrogen receptor status", "Negative"),
        ("HER2 status", "Positive"),
        ("Disease extent", "Locally advanced"),
        ("Early FDG response", "pCR not excluded"),
    ):
        expect(glance.get_by_role("link", name=re.compile(f"^{name}")).first).to_contain_text(value)
    fits = "document.querySelector('.glance').getBoundingClientRect().bottom <= 1200"
    assert page.evaluate(fits), "the first look does not fit on a first screen and a half"


def test_the_plot_is_there_and_says_in_words_what_it_draws(opened: Opened) -> None:
    page = opened(EXAMPLE)
    plot = page.get_by_role("img", name="Uptake of FDG, Primary tumor, right breast")

    expect(plot).to_be_visible()
    said = r"2026-02-03: 12\.5; 2026-02-23: 6\.0; .*−52 %.*cut-off of Early FDG response: −40 %"
    expect(plot).to_have_accessible_description(re.compile(said))
    drawn = plot.bounding_box()
    assert drawn is not None
    assert drawn["width"] > 300
    for text in plot.locator("text").all():
        inside = text.bounding_box()
        assert inside is not None
        assert drawn["x"] - 1 <= inside["x"], text.text_content()
        assert inside["x"] + inside["width"] <= drawn["x"] + drawn["width"] + 1, text.text_content()
    expect(page.get_by_role("img", name="Timeline")).to_be_visible()


@pytest.mark.parametrize("path", [EXAMPLE, "/try/er-loss-liver-metastasis", "/try/pet-fes-fdg-heterogeneity", "/try/bilateral"])
def test_no_event_of_a_timeline_covers_another_or_leaves_the_paper(opened: Opened, path: str) -> None:
    page = opened(path)
    for drawing in page.locator(".timeline svg").all():
        paper = drawing.bounding_box()
        boxes = [box for text in drawing.locator("text.event").all() if (box := text.bounding_box())]
        assert paper is not None
        assert all(box["x"] >= paper["x"] and box["x"] + box["width"] <= paper["x"] + paper["width"] for box in boxes)
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
                assert apart or abs(one["y"] - other["y"]) > 10


@pytest.mark.parametrize("script", [True, False])
def test_a_value_opens_its_basis(opened: Opened, script: bool) -> None:
    """With the script and without it."""
    page = opened(EXAMPLE, java_script_enabled=script)
    page.locator(".stage", has_text="Clinical prognostic stage").get_by_role("link").first.click()
    basis = page.locator(".basis:target")

    expect(basis).to_be_visible()
    expect(basis).to_be_in_viewport()
    expect(basis).to_contain_text("clinical-prognostic-stage")
    expect(basis).to_contain_text("AJCC Cancer Staging Manual, 8th edition")
    expect(basis.get_by_role("row", name=re.compile("2026-02-03 T category: T2"))).to_contain_text("Observation/ct2")
    basis.get_by_role("link", name="clinical-prognostic-stage").click()
    expect(page.locator("article.rule:target")).to_be_in_viewport()


def test_a_link_from_elsewhere_opens_the_answer_that_it_names(opened: Opened) -> None:
    """As a card of a decision support service would name it: by the identifier of the result, or by the rule."""
    page = opened(EXAMPLE)
    wanted = page.locator(".card", has_text="HER2 status").locator(".basis").first.get_attribute("id")
    page.goto(f"{page.url}#{wanted}")
    expect(page.locator(f"[id='{wanted}']")).to_be_in_viewport()
    page.goto(f"{page.url.partition('#')[0]}#tbcrc026-fall")
    expect(page.locator("#tbcrc026-fall")).to_be_in_viewport()


def test_the_keyboard_alone_reaches_the_content_and_opens_a_basis(opened: Opened) -> None:
    page = opened(EXAMPLE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.stage') !== null"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".basis:target")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.basis') !== null")


def test_a_pasted_bundle_shows_the_page_without_the_script(opened: Opened, root: Path) -> None:
    page = opened("/try", java_script_enabled=False)
    page.get_by_label("Or the text itself").fill((root / "fixtures/missing-grade/input.json").read_text(encoding="utf-8"))
    page.get_by_role("button", name="Show the page").click()

    expect(page.get_by_role("heading", name="Left breast")).to_be_visible()


def test_a_chosen_file_shows_the_page(opened: Opened, root: Path) -> None:
    page = opened("/try")
    page.get_by_label("A file, chosen or dropped here").set_input_files(root / "fixtures/missing-grade/input.json")
    page.get_by_role("button", name="Show the page").click()

    expect(page.get_by_role("heading", name="Left breast")).to_be_visible()


def test_a_file_that_is_dropped_is_sent_at_once(opened: Opened, root: Path) -> None:
    page = opened("/try")
    text = (root / "fixtures/missing-grade/input.json").read_text(encoding="utf-8")
    dropped = page.evaluate_handle(
        "text => { const data = new DataTransfer(); data.items.add(new File([text], 'patient.json')); return data; }", text
    )
    with page.expect_navigation():
        page.dispatch_event("form[data-drop]", "drop", {"dataTransfer": dropped})

    expect(page.get_by_role("heading", name="Left breast")).to_be_visible()


def test_a_broken_bundle_comes_back_with_its_fault_marked(opened: Opened, address: str, pictures: Path) -> None:
    page = opened("/try", java_script_enabled=False, may_be_refused=True)
    page.get_by_label("Or the text itself").fill('{"resourceType": "Bundle",\n "entry": [{"resource": }]}')
    with page.expect_response(lambda answer: answer.url == f"{address}/try") as caught:
        page.get_by_role("button", name="Show the page").click()
    alert = page.get_by_role("alert")

    assert caught.value.status == 400
    expect(alert).to_contain_text("line 2, column 25")
    expect(alert.locator("mark")).to_have_text("}")
    page.screenshot(path=pictures / "broken.png", full_page=True)


def test_an_open_answer_is_seen_without_color(opened: Opened) -> None:
    """By its border and its word: a gray print, or an eye without color, tells it as well."""
    page = opened("/try/missing-grade")
    styles = "element => { const style = getComputedStyle(element); return [style.borderTopStyle, style.borderLeftStyle]; }"
    stages = page.locator(".stage")

    assert stages.nth(0).evaluate(styles) == ["solid", "solid"]
    assert stages.nth(1).evaluate(styles) == ["dashed", "double"]
    expect(stages.nth(1)).to_contain_text("Cannot tell")
    expect(stages.nth(1)).to_contain_text("still possible: Stage IIB or Stage IIIA")
    sizes = stages.locator(".value").evaluate_all("all => all.map(one => parseFloat(getComputedStyle(one).fontSize))")
    assert sizes[1] >= 0.8 * sizes[0]


def test_two_cancers_begin_on_pages_of_their_own_when_printed(opened: Opened) -> None:
    page = opened("/try/bilateral")
    page.emulate_media(media="print")
    cases = page.locator(".case")

    assert [case.evaluate("element => getComputedStyle(element).breakBefore") for case in cases.all()] == ["auto", "page"]


@pytest.mark.parametrize("path", [EXAMPLE, "/try/bilateral"])
def test_the_page_prints_on_a4_without_what_only_a_screen_needs(opened: Opened, path: str, pictures: Path) -> None:
    page = opened(path)
    page.emulate_media(media="print")
    for hidden in (".bar", ".inside", ".tools"):
        expect(page.locator(hidden).first).to_be_hidden()
    page.set_viewport_size({"width": 700, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "something is wider than the paper"
    printed = page.pdf(path=pictures / f"{name_of(path)}.pdf", prefer_css_page_size=True, print_background=True)

    sizes = {tuple(map(float, found)) for found in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)}
    assert all(abs(width / POINTS - A4_INCHES[0]) < 0.02 and abs(height / POINTS - A4_INCHES[1]) < 0.02 for width, height in sizes)
    assert sizes


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(opened: Opened, axe: str, path: str, width: int) -> None:
    """With every basis open, on a desk and on a phone."""
    page = opened(path, viewport={"width": width, "height": 900})
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert gravest(page, axe) == []


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_phone(opened: Opened, path: str) -> None:
    page = opened(path, viewport={"width": 390, "height": 844})

    assert page.evaluate("document.documentElement.scrollWidth <= 390")


def test_a_long_name_without_a_space_stays_inside_its_panel(opened: Opened, root: Path) -> None:
    page = opened("/try", viewport={"width": 390, "height": 844})
    text = (root / "fixtures/her2-positive-fdg-response/input.json").read_text(encoding="utf-8")
    page.get_by_label("Or the text itself").fill(text.replace("Axillary node, right", "Axillary-node-" + "x" * 90))
    page.get_by_role("button", name="Show the page").click()
    expect(page.get_by_role("heading", name="Right breast", exact=True)).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    outside = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.className)"
    assert page.locator(".panel, .panel h4, .why, .gate").evaluate_all(outside) == []


def test_a_row_keeps_its_name_while_it_is_scrolled_on_a_phone(opened: Opened) -> None:
    page = opened("/try/bilateral", viewport={"width": 390, "height": 844})
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    scroll = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => { one.scrollLeft = 200; return one; })"
    moved = f"""all => ({scroll})(all).map(one => {{
        const first = one.querySelector('tbody tr > :first-child');
        return [first.tagName, Math.round(first.getBoundingClientRect().left - one.getBoundingClientRect().left)];
    }})"""
    found = page.locator(".case .scroll").evaluate_all(moved)

    assert found
    assert all(tag == "TH" and 0 <= left <= 1 for tag, left in found), found


def test_a_drawing_that_does_not_fit_says_that_it_goes_on(opened: Opened) -> None:
    """On a phone the newest scan lies outside; on a desk there is nothing to say."""
    phone, desk = opened(EXAMPLE, viewport={"width": 390, "height": 844}), opened(EXAMPLE)

    for drawing in phone.locator(".picture").all():
        assert drawing.evaluate("one => one.scrollWidth > one.clientWidth && getComputedStyle(one).boxShadow !== 'none'")
        expect(drawing.locator("+ .sideways")).to_be_visible()
    expect(phone.locator("details.more", has_text="The same in words").first).to_have_attribute("open", "")
    expect(desk.locator(".sideways").first).to_be_hidden()
    expect(desk.locator("details.more", has_text="The same in words").first).not_to_have_attribute("open", "")


def test_the_pictures_of_the_readme_are_made(opened: Opened, pictures: Path) -> None:
    """`make screenshots` puts them into the fixture that they show."""
    page = opened(EXAMPLE)
    page.evaluate("document.fonts.ready")
    bottom = page.evaluate("Math.ceil(document.querySelector('.glance').getBoundingClientRect().bottom + scrollY) + 16")
    page.screenshot(path=pictures / "first-look.png", clip={"x": 0, "y": 0, "width": DESKTOP["width"], "height": bottom}, full_page=True)
    uptake = page.locator("section", has=page.get_by_role("heading", name="Uptake of each lesion", exact=True)).last
    uptake.screenshot(path=pictures / "uptake.png")

    assert all((pictures / name).stat().st_size > 20_000 for name in ("first-look.png", "uptake.png"))


@pytest.mark.parametrize("path", PAGES)
def test_a_picture_of_every_page_is_kept(opened: Opened, path: str, pictures: Path) -> None:
    page = opened(path)
    page.evaluate("document.fonts.ready")
    kept = pictures / f"{name_of(path)}.png"
    page.screenshot(path=kept, clip={"x": 0, "y": 0, "width": 1280, "height": 1250}, full_page=True)
    page.screenshot(path=pictures / f"{name_of(path)}-whole.png", full_page=True)

    assert kept.read_bytes().startswith(b"\x89PNG")
