"""The order of the benches."""


def pytest_collection_modifyitems(items):
    """What the benches have reached is judged behind all of them."""
    items.sort(key=lambda item: "test_points.py" in item.nodeid)
