"""Result documents as steps leave them."""


def failed(message="it failed", *problems, kind="gate", hint=None):
    """The fields of a step that failed."""
    error = {"kind": kind, "message": message, "problems": [{"message": text} for text in problems], "hint": hint}
    return {"status": "failed", "exitCode": 3, "error": error}
