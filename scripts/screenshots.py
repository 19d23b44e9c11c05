"""Makes the pictures in docs/images from a running demo: `python scripts/screenshots.py`.

The demo must be fresh (`make demo DEMO_ARGS='--scripted --state /tmp/pictures'`) and its shop broken, as it is on a new cluster or after
`kubectl apply -k bot/demo/shop/broken`. It is used as people use it: one asks and is answered, another approves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, TimeoutError, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PLACE = "C01ONCALL"
SOON = 60_000  # milliseconds
LARGEST = 450_000  # bytes: pictures are read over phone networks too


def main() -> int:
    """0; 1 with one sentence if the demo does not do what the pictures show."""
    parser = argparse.ArgumentParser(description="Makes docs/images from a running scripted demo.")
    parser.add_argument("--url", default="http://localhost:8888", help="the demo's page (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=IMAGES, help="where the pictures go (default: docs/images)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            pictures = _play(browser, options.url, options.out)
            browser.close()
    except TimeoutError as exc:
        reason = str(exc).splitlines()[0]
        print(f"The demo did not play its part ({reason}): start a fresh one with --scripted, with its shop broken.", file=sys.stderr)
        return 1
    for picture in pictures:
        print(f"{picture} {picture.stat().st_size // 1000} KB")
    return 1 if any(picture.stat().st_size > LARGEST for picture in pictures) else 0


def _play(browser: Browser, url: str, folder: Path) -> list[Path]:
    with _page(browser, url, "ana", width=1280, height=900) as ana:
        composer = ana.get_by_role("textbox", name="Message #oncall")
        composer.fill("@kubectl-ai why is the shop down?")
        composer.press("Enter")
        ana.locator("button.replies").last.click(timeout=SOON)
        thread = ana.get_by_role("region", name="Thread")
        _wait(thread.get_by_text("done, 3 commands"))  # until then the answer is a draft in the progress message
        _wait(thread.get_by_text("The shop is down because"))
        reply = thread.get_by_role("textbox", name="Reply in thread")
        reply.fill("fix the cart")
        reply.press("Enter")
        _wait(thread.get_by_role("button", name="Approve"))
        place = ana.evaluate("location.hash.slice(1)")
        phone = _approve_on_a_phone(browser, url, place, folder / "phone-dark.png")
        _wait(thread.get_by_text("1/1 ready"))
        _wait(thread.get_by_text("The card above"))
        return [_take_thread(ana, thread, folder / "thread.png"), phone]


def _approve_on_a_phone(browser: Browser, url: str, place: str, target: Path) -> Path:
    with _page(browser, url, "ben", place, width=390, height=844, is_dark=True) as ben:
        approve = ben.get_by_role("button", name="Approve")
        _wait(approve)
        ben.wait_for_timeout(500)  # the list has scrolled to its end
        ben.screenshot(path=target)
        approve.click()
        _wait(ben.get_by_text("done · approved"))
    return target


def _take_thread(page: Page, thread: Locator, target: Path) -> Path:
    """The thread from its first message to its last: the window is made as high as that."""
    scroller = "node.querySelector('.scroller')"
    height = thread.evaluate(f"node => node.clientHeight - {scroller}.clientHeight + {scroller}.scrollHeight")
    page.set_viewport_size({"width": 1280, "height": height})
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)  # one more frame after the resize
    thread.screenshot(path=target)
    return target


@contextmanager
def _page(browser: Browser, url: str, person: str, place: str = PLACE, *, width: int, height: int, is_dark: bool = False) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=2,
        color_scheme="dark" if is_dark else "light",
        is_mobile=width < 760,
        has_touch=width < 760,
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(f"{url}/?as={person}#{place}")
    yield page
    context.close()


def _wait(what: Locator) -> None:
    what.last.wait_for(timeout=SOON)


if __name__ == "__main__":
    sys.exit(main())
