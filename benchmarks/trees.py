"""Both sides of P5, P6 and P7: a tree of skills is published, and copied by the peers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.evidence import check_copy, check_published
from benchmarks.lab import Lab, Registry
from benchmarks.measuring import Cost, run

# None is asked for a progress bar, which would cost it more; otherwise they have their defaults.
AWS = "`aws s3 sync`"
AWS_COPY = "`aws s3 cp -r`"
S5CMD = "`s5cmd sync`"
RCLONE = "`rclone copy`"
_AWS = "aws s3 sync --only-show-errors {tree} s3://{place}"
_AWS_COPY = "aws s3 cp --recursive --only-show-errors {tree} s3://{place}"
_S5CMD = "s5cmd --log error sync {tree}/ s3://{place}/"
_RCLONE = "rclone copy --s3-no-check-bucket {tree} bucket:{place}"
SYNC = {AWS: _AWS, S5CMD: _S5CMD, RCLONE: _RCLONE}
COPY = {AWS_COPY: _AWS_COPY, S5CMD: _S5CMD, RCLONE: _RCLONE}


def copy(
    lab: Lab, tree: Path, prefix: str, commands: dict[str, str], endpoint: str | None = None
) -> dict[str, Cost]:
    """Let each peer that is installed bring the tree into the bucket, and check that it did.

    Args:
        lab: with the bucket and the peers.
        tree: what to copy.
        prefix: where to; each peer has its own place below it.
        commands: by side.
        endpoint: of a proxy in front of the bucket.
    """
    costs = {}
    for side, command in commands.items():
        name, *words = command.split()
        program = lab.peer(name)
        if program is not None:
            place = f"{lab.s3.bucket}/{prefix}/{name}"
            filled = [word.format(tree=tree, place=place) for word in words]
            costs[side], _ = run([str(program), *filled], lab.for_peers(endpoint))
            check_copy(lab, f"{prefix}/{name}", tree)
    return costs


def publish(lab: Lab, registry: Registry, tree: Path, versions: int) -> Cost:
    """Publish the tree, and check that it was done.

    Args:
        lab: with the bucket and the program.
        registry: where to.
        tree: what to publish.
        versions: how many there are then of all skills together.
    """
    command = [str(lab.program), "publish", str(tree)]
    cost, _ = run(command, lab.environment(registry.variables))
    check_published(lab, registry, tree, versions)
    return cost
