"""Stops one thread of another process, as a debugger would: stop-thread.py TID. Says "stopped", then holds it until the
thread is gone or stdin ends. Needs the right to trace it: root, and a container that allows it."""
import ctypes
import os
import select
import sys

SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid):
    if libc.ptrace(request, tid, None, None) == -1:
        sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")


def is_over(tid):
    """Whoever traces a thread must take its end, or the process stays a zombie for its parent."""
    pid, status = os.waitpid(tid, WALL | os.WNOHANG)
    return pid == tid and (os.WIFEXITED(status) or os.WIFSIGNALED(status))


tid = int(sys.argv[1])
ptrace(SEIZE, tid)
ptrace(INTERRUPT, tid)
if not os.WIFSTOPPED(os.waitpid(tid, WALL)[1]):
    sys.exit("it ended")
print("stopped", flush=True)
while not is_over(tid) and not select.select([sys.stdin], [], [], 0.02)[0]:
    pass
