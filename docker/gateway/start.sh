#!/bin/sh
# Starts the gateway: checks what it is given, writes the places into a private folder, runs nginx.
#   GATEWAY_UPSTREAM          HOST:PORT of the Prefect server
#   GATEWAY_AUTH_FILE         file with its PREFECT_SERVER_API_AUTH_STRING
#   GATEWAY_USERS_FILE        file with a line NAME ROLE SHA256 for each credential (credential.sh)
#   GATEWAY_LISTEN            ADDRESS:PORT, 127.0.0.1:4280 if not given
#   GATEWAY_TLS_CERTIFICATE, GATEWAY_TLS_KEY   PEM files; needed off loopback
#   GATEWAY_PLAIN_HTTP=behind-tls              instead of them: TLS ends in front of this
#   GATEWAY_REQUESTS_PER_SECOND   from one address, 100 if not given; four seconds' worth may come at once
#   GATEWAY_RUN, GATEWAY_MODULES, GATEWAY_NGINX   private folder, nginx's modules, nginx itself
set -eu
umask 077

stop() {
  echo "gateway: $1" >&2
  exit 2
}

is_place() {
  case $1 in
  *[!A-Za-z0-9.:_-]* | *:*:* | :* | *:) return 1 ;;
  *:*) return 0 ;;
  *) return 1 ;;
  esac
}

is_path() {
  case $1 in
  *[!A-Za-z0-9./_-]*) return 1 ;;
  /*) return 0 ;;
  *) return 1 ;;
  esac
}

upstream=${GATEWAY_UPSTREAM:-}
listen=${GATEWAY_LISTEN:-127.0.0.1:4280}
run=${GATEWAY_RUN:-/run/gateway}
modules=${GATEWAY_MODULES:-/usr/lib/nginx/modules}
export GATEWAY_AUTH_FILE="${GATEWAY_AUTH_FILE:-/run/secrets/prefect-api-auth}"
export GATEWAY_USERS_FILE="${GATEWAY_USERS_FILE:-/run/secrets/gateway-users}"
certificate=${GATEWAY_TLS_CERTIFICATE:-}
key=${GATEWAY_TLS_KEY:-}
rate=${GATEWAY_REQUESTS_PER_SECOND:-100}

case $rate in
'' | 0* | *[!0-9]* | ??????*) stop "GATEWAY_REQUESTS_PER_SECOND: found '$rate'; allowed: 1 to 99999" ;;
esac
is_place "$upstream" || stop "GATEWAY_UPSTREAM: found '$upstream'; allowed: HOST:PORT of the Prefect server"
is_place "$listen" || stop "GATEWAY_LISTEN: found '$listen'; allowed: ADDRESS:PORT"
for path in "$run" "$modules" "$GATEWAY_AUTH_FILE" "$GATEWAY_USERS_FILE" ${certificate:+"$certificate"} ${key:+"$key"}; do
  is_path "$path" || stop "found '$path'; allowed: an absolute path of letters, digits and . _ - /"
done
[ -s "$GATEWAY_AUTH_FILE" ] || stop "GATEWAY_AUTH_FILE: $GATEWAY_AUTH_FILE is missing or empty; next: put the server's PREFECT_SERVER_API_AUTH_STRING there"
[ -s "$GATEWAY_USERS_FILE" ] || stop "GATEWAY_USERS_FILE: $GATEWAY_USERS_FILE is missing or empty; next: credential.sh NAME ROLE FILE writes a line"
if [ -z "$certificate" ] && [ "${GATEWAY_PLAIN_HTTP:-}" != behind-tls ]; then
  case $listen in
  127.*) ;;
  *) stop "GATEWAY_LISTEN: $listen without TLS; next: give GATEWAY_TLS_CERTIFICATE and GATEWAY_TLS_KEY" ;;
  esac
fi

mkdir -p "$run/body" "$run/proxy" "$run/unused"
chmod 700 "$run"
rm -f "$run/websocket.sock"
cp "$(dirname "$0")"/*.conf "$(dirname "$0")"/*.js "$run/"

{
  # Root's workers would be another user, who may read none of the files.
  [ "$(id -u)" != 0 ] || echo "user root root;"
  echo "load_module $modules/ngx_http_js_module.so;"
  # Built in, in some packages of nginx.
  [ ! -f "$modules/ngx_stream_module.so" ] || echo "load_module $modules/ngx_stream_module.so;"
  echo "load_module $modules/ngx_stream_js_module.so;"
} >"$run/place.conf"
{
  # No kept connections: Prefect's server drops one without a word after it answered with 500.
  echo "upstream prefect { server $upstream; }"
  echo "limit_req_zone \$binary_remote_addr zone=requests:2m rate=${rate}r/s;"
  echo "upstream prefect-websocket { server unix:$run/websocket.sock; }"
} >"$run/upstream-http.conf"
echo "upstream prefect { server $upstream; }" >"$run/upstream-stream.conf"
echo "listen unix:$run/websocket.sock;" >"$run/listen-stream.conf"
if [ -n "$certificate" ]; then
  cat >"$run/listen-http.conf" <<END
listen $listen ssl;
ssl_certificate $certificate;
ssl_certificate_key $key;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
ssl_prefer_server_ciphers off;
ssl_session_cache shared:tls:2m;
ssl_session_timeout 1d;
ssl_session_tickets off;
END
  echo 'add_header Strict-Transport-Security "max-age=63072000" always;' >>"$run/headers.conf"
else
  echo "listen $listen;" >"$run/listen-http.conf"
fi
echo "limit_req zone=requests burst=$((rate * 4)) nodelay;" >"$run/limit.conf"

exec "${GATEWAY_NGINX:-nginx}" -p "$run" -c "$run/nginx.conf" -e /dev/stderr -g "daemon off;"
