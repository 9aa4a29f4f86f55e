"""P7: publish 1,000 new skills to a store that is 40 ms away, beside ``aws s3 cp``.

python -m benchmarks.far_away [--peers FOLDER] [--rounds 3]
"""

from __future__ import annotations

from urllib.parse import urlsplit

from benchmarks.corpus import make_tree
from benchmarks.delay import DelayProxy
from benchmarks.lab import Lab, script
from benchmarks.measuring import Goal, Result
from benchmarks.profiling import profile
from benchmarks.trees import AWS_COPY, COPY, RCLONE, S5CMD, copy, publish

SKILLS = 1000
ROUNDS = 3
ROUND_TRIP = 0.040  # seconds
OURS = "SQLite + S3"
TEXT = (
    "All through one relay that adds 20 ms each way and limits no throughput; both sides have the"
    " same number of objects, for each skill is a single SKILL.md. Ours: one `publish` with its"
    " default number of connections into an empty registry, every object read"
    " back and compared. Peers: with their defaults (the AWS CLI: 10 connections), no read-back."
)


def measure(lab: Lab) -> list[Result]:
    """Publish and copy into new places in each round."""
    result = Result("P7", "1,000 new skills at 40 ms of round trip", TEXT, checked="as in P6")
    skills = lab.scaled(SKILLS)
    tree = lab.new_folder() / "skills"
    make_tree(tree, skills, skills)
    result.inputs = f"{skills:,} skills of one file"
    server = urlsplit(lab.s3.endpoint)
    with DelayProxy(str(server.hostname), int(server.port or 80), ROUND_TRIP) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.port}"
        for number in range(lab.rounds(ROUNDS)):
            for side, cost in copy(lab, tree, f"far/{number}", COPY, endpoint).items():
                result.add(side, cost)
            registry = lab.registry("SQLite", endpoint)
            result.add(OURS, publish(lab, registry, tree, skills))
    result.compare(OURS, AWS_COPY, Goal(wall=0.30))
    for peer in (S5CMD, RCLONE):
        result.compare(OURS, peer)
    if result.missed:
        result.profile = profile(lab, ["publish", str(tree)], lab.registry("SQLite").variables)
    return [result]


if __name__ == "__main__":
    script(measure, __doc__)
