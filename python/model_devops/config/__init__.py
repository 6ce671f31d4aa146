"""model.yaml: its types, its reading with every problem at once, its JSON Schema, its starter."""
