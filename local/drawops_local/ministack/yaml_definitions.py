"""State machines written in YAML.

AWS accepts a YAML definition from `AWS::Serverless::StateMachine`; MiniStack stores the text as it is and
every execution then fails to parse it as JSON.
"""

import json

import yaml
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

from . import guard

NAME = "yaml-definitions"


def apply() -> None:
    """Convert YAML definitions to JSON where CloudFormation reads them."""
    original = guard.function(provisioners, "_sfn_definition", ("props",), NAME)

    def definition(props: dict[str, object]) -> str:
        text: str = original(props)
        try:
            json.loads(text)
        except ValueError:
            return json.dumps(yaml.safe_load(text))
        return text

    provisioners._sfn_definition = definition
