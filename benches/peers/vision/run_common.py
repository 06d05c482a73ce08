"""What the table writers share."""

import pathlib
import platform


def cpu_model():
    try:
        facts = {}
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
        # A virtual machine's name says less than its numbers.
        return f"{facts['model name']} (family {facts['cpu family']}, model {facts['model']})"
    except (OSError, KeyError):
        pass
    return platform.processor() or platform.machine()


def write(path, key, threads, text, title):
    """Replaces what is between the markers of this key and thread count, or appends
    a section that has them."""
    begin, end = f"<!-- peers:{key}:{threads} -->", f"<!-- /peers:{key}:{threads} -->"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    block = f"{begin}\n{text}\n{end}"
    if begin in page:
        head, rest = page.split(begin, 1)
        page = head + block + rest.split(end, 1)[1]
    else:
        title = f"### {title}, {threads} thread{'s' * (threads > 1)}"
        page = f"{page.rstrip()}\n\n{title}\n\n{block}\n"
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
