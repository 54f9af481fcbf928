# Starts HAProxy with the newest complete map. Names hold claim and sequence, both zero-padded, so
# the last name belongs to the newest holder: what a replaced holder left behind never wins.
set -eu
newest=
for file in /var/lib/slipway/traffic/*.map; do
  if [ -f "$file" ] && [ "$(tail -n 1 "$file")" = "# complete" ]; then
    newest=$file
  fi
done
if [ -n "$newest" ]; then
  cp "$newest" /run/slipway/traffic.map
else
  echo "# no release yet" >/run/slipway/traffic.map
fi
exec haproxy -db -f /etc/slipway/haproxy.cfg
