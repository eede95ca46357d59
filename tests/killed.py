"""A program that is killed when it has changed so many files: python -m tests.killed COUNT MODULE WORDS...

As `kill -9` does, and a power cut: nothing is cleaned up. A change is a file that is renamed or removed.
"""

import os
import runpy
import sys

KILLED = 137


def main() -> None:
    left, module = int(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    replace, unlink = os.replace, os.unlink

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(KILLED)

    def counted_replace(*words: object, **options: object) -> None:
        count()
        replace(*words, **options)

    def counted_unlink(*words: object, **options: object) -> None:
        count()
        unlink(*words, **options)

    os.replace = os.rename = counted_replace
    os.unlink = os.remove = counted_unlink
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
