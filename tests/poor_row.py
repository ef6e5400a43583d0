"""A row's process that goes wrong, in the way that its task's layer names."""

import json
import os
import signal
import sys
import time

way = json.loads(sys.stdin.read())["layer"]
if way == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
elif way == "memory":
    os.kill(os.getpid(), signal.SIGKILL)
elif way == "hang":
    time.sleep(60)
elif way == "fail":
    print("something before", file=sys.stderr)
    raise SystemExit("the card is on fire")
elif way == "interrupted":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
