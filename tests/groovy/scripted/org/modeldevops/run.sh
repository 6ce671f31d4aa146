#!/bin/sh
# In the place of the library's run.sh, for tests of the Groovy side alone: what is asked is kept, what the tests
# wrote into $ANSWERS is answered. The last answer for a verb is given again and again.
set -eu
verb=$(printf '%s' "$MODEL_DEVOPS_VERB" | tr ' ' '-')
number=$(($(ls "$ANSWERS/asked" | wc -l) + 1))
mkdir -p "$ANSWERS/asked/$number-$verb"
cp "$MODEL_DEVOPS_CALL"/* "$ANSWERS/asked/$number-$verb"
env >"$ANSWERS/asked/$number-$verb/environment"
answer=$(ls -d "$ANSWERS/$verb."* | head -n 1)
code=$(cat "$answer/code")
[ ! -e "$answer/result.json" ] || cp "$answer/result.json" "$MODEL_DEVOPS_CALL/result.json"
[ ! -e "$answer/reports" ] || cp -R "$answer/reports/." .
set -- "$ANSWERS/$verb."*
[ $# -eq 1 ] || rm -r "$answer"
exit "$code"
