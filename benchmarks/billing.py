"""Benchmarks of billing: `python -m benchmarks.billing invoices|histories`."""

import sys

from benchmarks import histories, invoices


def main() -> int:
    what, *arguments = sys.argv[1:] or ["invoices"]
    if what == "histories":
        return histories.main(arguments)
    if what != "invoices":
        print(__doc__)
        return 2
    invoices.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
