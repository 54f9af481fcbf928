#!/bin/sh
# What a team writes first: build, scan, push, start beside the old one, wait until it answers,
# switch the proxy, stop the old one.
#
#   chain.sh CONTEXT IMAGE NETWORK PROXY PORT
#
# DOCKER is the client, TRIVY the scanner with its cache in TRIVY_CACHE. Prints how many
# milliseconds the scan took.
set -eu
context=$1 image=$2 network=$3 proxy=$4 port=$5

"$DOCKER" build --quiet --tag "$image" -- "$context" >/dev/null
began=$(date +%s%N)
"$TRIVY" image --quiet --cache-dir "$TRIVY_CACHE" --skip-db-update --offline-scan \
  --scanners vuln --severity CRITICAL --ignore-unfixed --exit-code 1 --format json --output /dev/null -- "$image"
echo "$((($(date +%s%N) - began) / 1000000))"
"$DOCKER" push --quiet -- "$image" >/dev/null

old=$("$DOCKER" ps --quiet --filter "label=slipway.chain.app=$proxy")
new=$("$DOCKER" run --detach --label "slipway.chain.app=$proxy" --network "$network" --memory 128m -- "$image")
address=$("$DOCKER" inspect --format "{{(index .NetworkSettings.Networks \"$network\").IPAddress}}" -- "$new")
until curl --fail --silent --output /dev/null --max-time 2 "http://$address:8000/ready"; do
  sleep 0.2
done
printf 'set map /run/slipway/traffic.map serving/0 %s:8000\n' "$address" |
  "$DOCKER" exec --interactive "$proxy" socat - UNIX-CONNECT:/run/slipway/admin.sock >/dev/null
curl --fail --silent --output /dev/null "http://127.0.0.1:$port/version"
if [ -n "$old" ]; then
  "$DOCKER" stop --time 2 "$old" >/dev/null
fi
