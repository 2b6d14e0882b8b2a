"""The embedded experiment: every method on every domain with several seeds, and the page that compares them."""
