"""A page that holds no more than a test gives it, in a browser."""


def show(tab, title, style, body, address="http://book.test/"):
    """Open it as if a server had sent it; `tab.errors` notes what its scripts throw."""
    tab.errors = []
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.route(address, lambda route: route.fulfill(
        content_type="text/html",
        body=f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{style}</style>{body}"))
    tab.goto(address)
