"""Whether a file is refused, and why."""

from firstspike_spec import InputError, load_network


def refused(path, content):
    """Return the error of `load_network` for a file with this content, or ``None``."""
    path.write_bytes(content)
    try:
        load_network(path)
    except InputError as error:
        return str(error)
    return None
