"""A program as users of PrismQ's own module write them; the test changes nothing in it but the import below."""

import json
import sqlite3
import sys
import threading
from datetime import datetime, timedelta, timezone

from src.queue import (  # type: ignore[import-not-found]
    PRAGMAS,
    SCHEMA_STATEMENTS,
    QueueBusyError,
    QueueDatabase,
    QueueDatabaseError,
    QueueSchemaError,
    Task,
    TaskLog,
    Worker,
)


def iso(**ahead):
    return (datetime.now(timezone.utc) + timedelta(**ahead)).isoformat()


def produce(db):
    cursor = db.execute(
        "INSERT INTO task_queue (type, payload, priority) VALUES (?, ?, ?)", ("first", '{"n": 0, "format": "short"}', 1)
    )
    db.get_connection().commit()
    rows = [("bulk", json.dumps({"n": number}), f"key {number}") for number in range(20)]
    db.execute_many("INSERT INTO task_queue (type, payload, idempotency_key) VALUES (?, ?, ?)", rows)
    with db.transaction() as conn:
        for name, moment in (("was due", iso(hours=-1)), ("tomorrow", iso(days=1))):
            conn.execute(
                "INSERT INTO task_queue (type, payload, run_after_utc, compatibility) VALUES (?, ?, ?, ?)",
                (name, "{}", moment, '{"region": "eu"}'),
            )
    return cursor.lastrowid


def beat(db):
    db.execute(
        "INSERT OR REPLACE INTO workers (worker_id, capabilities, heartbeat_utc) VALUES (?, ?, ?)",
        ("old worker", json.dumps({"region": "eu"}), iso()),
    )
    row = db.execute("SELECT * FROM workers").fetchone()
    return Worker.from_dict(dict(row)).get_capabilities_dict()


def claim(db, worker_id):
    with db.transaction() as conn:
        row = conn.execute(
            "SELECT * FROM task_queue WHERE status = 'queued' AND run_after_utc <= datetime('now') "
            "AND type = 'bulk' ORDER BY priority, id LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        conn.execute(
            "UPDATE task_queue SET status = 'leased', locked_by = ?, reserved_at_utc = ?, lease_until_utc = ?, "
            "attempts = attempts + 1 WHERE id = ?",
            (worker_id, iso(), iso(minutes=1), row["id"]),
        )
    return Task.from_dict(dict(row))


def finish(db, task):
    with db.transaction() as conn:
        conn.execute(
            "UPDATE task_queue SET status = 'completed', finished_at_utc = ?, updated_at_utc = datetime('now') "
            "WHERE id = ?",
            (iso(), task.id),
        )
        conn.execute(
            "INSERT INTO task_logs (task_id, level, message, details) VALUES (?, 'INFO', 'Task completed', ?)",
            (task.id, json.dumps(task.get_payload_dict())),
        )


def work(db):
    done, guard = [], threading.Lock()

    def run(name):
        while (task := claim(db, name)) is not None:
            finish(db, task)
            with guard:
                done.append(task.get_payload_dict()["n"])

    threads = [threading.Thread(target=run, args=(f"thread {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def mistakes(db):
    seen = []
    try:
        db.execute("INSERT INTO task_queue (type, payload, idempotency_key) VALUES ('again', '{}', 'key 1')")
    except QueueDatabaseError as error:
        seen.append(isinstance(error, QueueBusyError))
    try:
        db.execute("SELECT nothing FROM task_queue")
    except QueueDatabaseError:
        seen.append("no column")
    try:
        with db.transaction() as conn:
            conn.execute("UPDATE task_queue SET status = 'failed', error_message = 'Cancelled by user'")
            raise KeyError("changed my mind")
    except KeyError:
        seen.append(db.execute("SELECT count(*) AS n FROM task_queue WHERE status <> 'failed'").fetchone()["n"])
    for block in (db.transaction, db.connection):
        try:
            with block() as conn:
                conn.execute("SELECT nothing FROM task_queue")
        except QueueDatabaseError:
            seen.append("no column")
    try:
        with db.transaction() as conn:
            conn.execute("INSERT INTO task_queue (type, payload, idempotency_key) VALUES ('again', '{}', 'key 1')")
    except sqlite3.IntegrityError:
        seen.append("same key")
    return [*seen, issubclass(QueueSchemaError, QueueDatabaseError)]


def report():
    with QueueDatabase() as db, db.connection() as conn:
        tasks = [Task.from_dict(dict(row)) for row in conn.execute("SELECT * FROM task_queue ORDER BY id").fetchall()]
        logs = [TaskLog.from_dict(dict(row)).to_dict() for row in conn.execute("SELECT * FROM task_logs").fetchall()]
        return {"path": str(db.db_path), "tasks": [task.to_dict() for task in tasks], "logs": logs}


def main():
    if sys.argv[1] == "report":
        return report()
    db = QueueDatabase()
    db.initialize_schema()
    db.initialize_schema()
    found = {"first": produce(db), "capabilities": beat(db), "done": work(db), "mistakes": mistakes(db)}
    conn = db.get_connection()
    found["pragmas"] = {name: conn.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    found["same"] = db.get_connection() is conn
    db.close()
    found["anew"] = db.get_connection() is not conn
    for statement in SCHEMA_STATEMENTS:
        db.execute(statement)
    db.close()
    return found


if __name__ == "__main__":
    print(json.dumps(main()))
