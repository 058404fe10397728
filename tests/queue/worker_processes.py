"""Workers as processes, for the tests that end them: ``python -m tests.queue.worker_processes FILE {options}``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from prismq_gui.worker_process import WorkerOptions, run_worker
from tests.helpers.windows import hear_ctrl_break

ROOT = Path(__file__).parents[2]


def launch_worker(path: Path, **options: object) -> subprocess.Popen[str]:
    """Start a worker on the file, with the options of ``WorkerOptions``; it serves at once."""
    command = [sys.executable, "-m", "tests.queue.worker_processes", str(path), json.dumps(options)]
    # On Windows only a process group of its own can be sent Ctrl-Break without ending the tests too.
    flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", creationflags=flags, start_new_session=sys.platform != "win32",
    )  # fmt: skip


if __name__ == "__main__":
    hear_ctrl_break()
    handlers = "tests.queue.process_handlers:registry"
    sys.exit(run_worker(WorkerOptions(path=Path(sys.argv[1]), handlers=handlers, **json.loads(sys.argv[2]))))
