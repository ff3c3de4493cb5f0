"""States of an image on the page, and the pixels of an answer."""

from unsmear import images


def seen(shown):
    return shown.state in ("seen", "estimated") and not shown.busy


def restored(shown):
    return shown.state == "restored"


def png(answer):
    assert answer.headers["content-type"] == "image/png"
    return images.png.read(answer.content, "answer").pixels
