"""No-op tasks through Celery, with its defaults and two worker processes: `scripts/scale` holds bitsweep against it.

    CELERY_BROKER=amqp://… CELERY_RESULTS=redis://… scale.celery.py TASKS

Prints one line of JSON: tasks a second from the first that is sent to the last that is done, and the time of a hop in a
chain: from the end of a task to the end of the one that waited for it.
"""

import json
import os
import signal
import subprocess
import sys
import time

import celery

app = celery.Celery("scale_celery", broker=os.environ["CELERY_BROKER"], backend=os.environ["CELERY_RESULTS"])
# Of these processes only: so many results would be kept in Redis for a day.
app.conf.result_expires = 3600
app.conf.worker_send_task_events = False

CHAIN = 20
CHAINS = 25


@app.task(name="noop")
def noop():
    return time.time()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def tasks_per_second(count):
    backend = app.backend.client
    before = backend.dbsize()
    began = time.time()
    with app.producer_or_acquire() as producer:
        for _ in range(count):
            noop.apply_async(producer=producer)
    while backend.dbsize() - before < count:
        time.sleep(0.02)
    return count / (time.time() - began)


def hops():
    found = []
    for _ in range(CHAINS):
        last = celery.chain(*[noop.si() for _ in range(CHAIN)]).apply_async()
        last.get(timeout=60)
        times = []
        while last is not None:
            times.append(last.get(timeout=60))
            last = last.parent
        times.reverse()
        found += [after - before for before, after in zip(times, times[1:])]
    return found


def main():
    folder, name = os.path.split(os.path.abspath(__file__))
    start = "import runpy, sys; module = runpy.run_path(sys.argv.pop(1)); module['app'].worker_main(sys.argv[1:])"
    arguments = ["worker", "--concurrency", "2", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen(
        [sys.executable, "-c", start, os.path.join(folder, name), *arguments], stdout=subprocess.DEVNULL
    )
    try:
        noop.delay().get(timeout=60)
        tasks_per_second(200)
        rate = tasks_per_second(int(sys.argv[1]))
        found = hops()
        print(
            json.dumps(
                {
                    "version": celery.__version__,
                    "tasks_per_second": rate,
                    "hop_p50_ms": percentile(found, 0.5) * 1000,
                    "hop_p99_ms": percentile(found, 0.99) * 1000,
                }
            )
        )
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=30)


if __name__ == "__main__":
    main()
