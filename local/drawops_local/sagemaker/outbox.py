"""Deliver SNS messages and EventBridge events, at least once, in order.

They are written to the store together with the change they announce, and leave it only when AWS's side
took them: neither this process nor the other may lose one by ending at the wrong moment.
"""

import json
import logging
import threading
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drawops_local.sagemaker.store import Document, Store

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 0.5


class Outbox:
    """A thread that delivers what `Store.post` left."""

    def __init__(self, store: Store, sns: Any, events: Any) -> None:  # noqa: ANN401
        self._store = store
        self._sns = sns
        self._events = events
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    def stop(self) -> None:
        """End; what is left is delivered after the next start."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            messages = self._store.undelivered()
            if not messages:
                self._wake.wait()
                continue
            for number, kind, document in messages:
                if not self._deliver(kind, document):
                    self._stopping.wait(_RETRY_SECONDS)
                    break
                self._store.delivered(number)

    def _deliver(self, kind: str, document: Document) -> bool:
        try:
            if kind == "sns":
                self._sns.publish(TopicArn=document["topic"], Message=json.dumps(document["message"]))
            elif kind == "event":
                answer = self._events.put_events(Entries=[document])
                if answer["FailedEntryCount"]:
                    _log.error("event refused: %s: %s", document, answer["Entries"])
            else:
                _log.error("unknown kind of message %r dropped", kind)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            if status >= 500:
                return False
            # A topic that is gone stays gone; AWS drops such a notification too.
            _log.error("%s refused: %s: %s", kind, document, error)
        except BotoCoreError as error:
            _log.warning("%s not delivered yet: %s", kind, error)
            return False
        return True
