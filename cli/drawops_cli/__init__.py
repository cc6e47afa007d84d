"""The `drawops` command: thin verbs over the domain packages and the local cloud."""
