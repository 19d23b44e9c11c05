"""What a rehearsed command came to, as one JSON object for programs. Pure."""

from __future__ import annotations

from bot.changes import diff
from bot.values.requests import Json, RecordedWrite, Recording


def describe(exit_code: int, stdout: str, stderr: str, recording: Recording) -> dict[str, Json]:
    """Its output, and everything that it would have changed."""
    if recording.stopped:
        stderr = f"{stderr}{'' if stderr.endswith(chr(10)) or not stderr else chr(10)}{recording.stopped}\n"
    return {
        "exit_code": exit_code,
        "stdout": stdout,
        "stderr": stderr,
        "writes": [describe_write(write) for write in recording.writes if write.connect is None],
        "connects": [
            {
                "namespace": c.info.namespace,
                "name": c.info.name,
                "container": c.container,
                "argv": list(c.argv),
                "stdin_bytes": len(c.stdin),
            }
            for c in recording.connects
        ],
        "refused": [{"method": r.method, "path": r.path, "reason": r.reason, "status": r.status} for r in recording.refused],
    }


def describe_write(write: RecordedWrite) -> dict[str, Json]:
    """One request that would change something, and the difference that it makes."""
    info = write.info
    return {
        "method": write.request.method,
        "path": write.request.path,
        "verb": info.verb,
        "group": info.group,
        "resource": info.resource,
        "subresource": info.subresource,
        "namespace": info.namespace,
        "name": info.name,
        "preview": write.has_preview,
        "diff": [{"path": f.path, "old": f.old, "new": f.new, "op": f.op} for f in diff.of_write(write).fields],
    }
