"""The rules, one a file: `RULE` and the function that checks it."""
