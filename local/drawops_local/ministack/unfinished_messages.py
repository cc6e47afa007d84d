"""Messages that a function was working on when MiniStack ended.

Their visibility timeout would hide them for minutes, though their consumer is gone with the process: event
source mappings run inside it. They become visible when the state is restored, and the delivery that was
cut off does not count towards `maxReceiveCount`.
"""

import time

from ministack.services import sqs  # type: ignore[import-not-found]

from . import guard

NAME = "unfinished-messages"


def apply() -> None:
    """Release messages whenever SQS restores its state."""
    restore = guard.function(sqs, "load_persisted_state", ("data",), NAME)
    guard.require(hasattr(sqs, "_queues"), NAME, "the table sqs._queues")

    def load_persisted_state(data: object) -> None:
        restore(data)
        now = time.time()
        for queue in sqs._queues.all_values():
            for message in queue["messages"]:
                if message["receive_count"] > 0 and message["visible_at"] > now:
                    message["visible_at"] = now
                    message["receive_count"] -= 1

    sqs.load_persisted_state = load_persisted_state
