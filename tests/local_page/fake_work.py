"""What a worker process does in tests; it is found by name, and imports little."""

import os
import time


class Work:
    def see(self, news, seconds):
        news("sleeping", 1, 2)
        time.sleep(seconds)
        return os.getpid()

    def estimate(self, news, code):
        os._exit(code)

    def begin(self, news, number):
        return 1 / number

    def restore(self, news, word):
        from unsmear.errors import ImageError

        print("this line is for nobody")
        raise ImageError(f"{word}: the image must be another.")
